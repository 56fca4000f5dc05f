// The person in front of a client: reads what it prints, types, and moves cards.
#pragma once

#include "harness/fault.h"
#include "harness/scenario.h"
#include "harness/trace.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// What a person has to do with; called on the person's own thread.
struct PersonReach {
    /// A line, without its end.
    std::function<void(std::string_view line)> type;
    /// Whether the client does nothing at this moment but wait.
    std::function<bool()> client_waits;
    /// Moves something, and returns when clients can have seen it, and what vpcd made of it; throws
    /// RequestError where it makes no sense, HostError. `keep_waiting` is called meanwhile, and throws where
    /// nobody wants that any more.
    std::function<std::string(const Effect& effect, const std::function<void()>& keep_waiting)> act;
    /// Something is going to be done: what the client asked for comes before it in the trace.
    std::function<void()> before_acting;
};

/// Acts on what was printed since it last acted: by the first of its acts that matches and is not used up.
/// Each is in the trace before it is done, as `person` with `when`, `does` and, where something is typed,
/// `types: true`; what is typed is not.
///
/// A line is typed when the client waits, or after half a second at most: some clients throw away what was
/// typed before they had switched the terminal's echo off, which they do after the question. What the client
/// has printed until then is read, too.
///
/// When the client is gone, nothing is typed any more, but what it had asked to be moved until then is.
class Person final {
public:
    /// From now on it reads. `values`: of the placeholders in what it types. Throws RequestError for one that
    /// is not there, and for an expression that is none.
    Person(const ScenarioPerson& scenario, const std::map<std::string, std::string>& values,
           PersonReach reach, Trace& trace);
    Person(const Person&) = delete;
    Person& operator=(const Person&) = delete;
    /// What is being done is given up.
    ~Person();

    /// What the client has printed, without control sequences. Waits for nobody. From any thread.
    void hear(std::string_view text);
    /// The client is gone: what it had asked to be moved, and what is being done, comes to its end. The rest
    /// holds afterwards.
    void leave();

    /// The places of acts that type, and do nothing else, to which it never came, but for those that are
    /// there for any time.
    [[nodiscard]] std::vector<std::string> unused() const;
    /// What could not be done, and why. So are moves for which the client never asked, as without them a run
    /// does not show what it is there for; but for those that are there for any time.
    [[nodiscard]] std::vector<std::string> undone() const;
    [[nodiscard]] std::vector<std::string> notices() const;
    /// Lines that it may type, filled in.
    [[nodiscard]] std::vector<std::string> lines() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
