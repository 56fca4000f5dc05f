// cardrig serve --card PROFILE|IMAGE ... [--vpcd HOST:PORT | --listen PORT]
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/hand/serve_control.h"
#include "harness/option_checks.h"
#include "harness/profile.h"
#include "harness/rigged_card.h"
#include "harness/serve/card_service.h"
#include "harness/serve/kept_image.h"
#include "harness/serve/line_output.h"
#include "harness/trace_file.h"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using namespace std::chrono_literals;

struct ServeOptions {
    std::vector<std::string> cards;
    std::vector<std::string> spares;
    std::vector<std::string> images;
    std::string control;
    std::string vpcd;
    std::string listen;
    std::optional<std::uint64_t> seed;
    std::string trace;
    bool once = false;
    bool show_secrets = false;
};

/// Of a command or an answer, in a line on standard output.
constexpr std::size_t most_shown_bytes = 16;
constexpr std::size_t most_trace_bytes = 4UL << 20U;
/// For whoever reads standard output or the trace, at the end.
constexpr auto time_to_read = 1s;

/// What is written while cards are served: nothing here ever waits for its reader.
class Report final {
public:
    explicit Report(const ServeOptions& options)
        : trace_(options.show_secrets, Trace::Keep::nothing), words_(STDERR_FILENO),
          lines_(STDOUT_FILENO, lines_options()), trace_path_(options.trace) {
        trace_.set_listener([this](const TraceEvent& event) { pass_on(event); });
    }

    [[nodiscard]] Trace& trace() { return trace_; }
    /// From here on events are written, those that have happened first: the request was right, and an older
    /// trace can go. Throws RequestError. To be called before there are other threads.
    void begin() {
        if (!trace_path_.empty()) {
            file_ = std::make_unique<TraceFile>(trace_path_);
            events_ = std::make_unique<LineOutput>(file_->descriptor(), trace_options(trace_path_));
        }
        begun_ = true;
        for (const TraceEvent& event : std::exchange(early_, {})) {
            pass_on(event);
        }
    }
    void say(const std::string& text) { words_.add("cardrig serve: " + text); }

    /// False where a part of the trace is missing.
    [[nodiscard]] bool finish() {
        const std::uint64_t lost = events_ ? events_->finish(time_to_read) : 0;
        if (lost > 0) {
            say(fmt::format("{} events are missing in the trace: they could not be written in time", lost));
        }
        static_cast<void>(lines_.finish(time_to_read));
        static_cast<void>(words_.finish(time_to_read));
        return lost == 0;
    }

private:
    void pass_on(const TraceEvent& event) {
        if (!begun_) {
            early_.push_back(event);
            return;
        }
        if (events_) {
            events_->add(trace_line(event));
        }
        if (event.kind == "memory-write") {
            return;
        }
        std::string line = readable(event, most_shown_bytes);
        if (const auto ms = event.fields.find("ms"); ms != event.fields.end()) {
            line += fmt::format("  {:.1f} ms", ms->get<double>());
        }
        lines_.add(std::move(line));
    }

    LineOutputOptions lines_options() {
        LineOutputOptions options;
        options.gap = [](std::uint64_t lost) {
            return fmt::format("(here {} lines are missing: nobody read in time)", lost);
        };
        options.failed = [this](int error) {
            say(fmt::format("cannot write to standard output any more ({}): the cards go on",
                            std::strerror(error)));
        };
        return options;
    }

    LineOutputOptions trace_options(const std::string& path) {
        LineOutputOptions options;
        options.most_bytes = most_trace_bytes;
        options.failed = [this, path](int error) {
            say(fmt::format("{}: cannot write the trace any more ({}): the cards go on", path,
                            std::strerror(error)));
        };
        return options;
    }

    Trace trace_;
    LineOutput words_;
    LineOutput lines_;
    std::string trace_path_;
    bool begun_ = false;
    std::vector<TraceEvent> early_; ///< what happened before begin()
    std::unique_ptr<TraceFile> file_;
    std::unique_ptr<LineOutput> events_;
};

ServiceOptions service_options(const ServeOptions& options) {
    if (options.cards.empty()) {
        throw RequestError("no card: give one with --card, as in `cardrig serve --card piv-staff`");
    }
    if (options.cards.size() > vpcd_slots) {
        throw RequestError(fmt::format("{} cards: vpcd has readers for one or two", options.cards.size()));
    }
    const std::size_t cards = options.cards.size() + options.spares.size();
    if (options.images.size() > cards) {
        throw RequestError(fmt::format("{} images for {} cards: --image is for the card at the same place",
                                       options.images.size(), cards));
    }
    if (!options.spares.empty() && options.control.empty()) {
        throw RequestError("--spare without --control: nobody could ever put that card in");
    }
    if (!options.control.empty() && !options.listen.empty()) {
        throw RequestError("--control and --listen exclude each other: a card that is taken out of a vpcd "
                           "that connects to us takes its whole daemon down");
    }
    if (options.once && !options.listen.empty()) {
        throw RequestError(
            "--once and --listen exclude each other: a vpcd that connects to us is waited for");
    }
    if (!options.vpcd.empty() && !options.listen.empty()) {
        throw RequestError("--vpcd and --listen exclude each other: either we connect to vpcd or it to us");
    }
    ServiceOptions service;
    service.once = options.once;
    service.reversed = !options.listen.empty();
    if (service.reversed) {
        service.endpoint = Endpoint::parse(options.listen, "--listen");
    } else if (!options.vpcd.empty()) {
        service.endpoint = Endpoint::parse(options.vpcd, "--vpcd");
    }
    // Whether the last slot has a port.
    static_cast<void>(service.endpoint.of_slot(service.reversed ? vpcd_slots - 1 : options.cards.size() - 1));
    return service;
}

/// Whatever is written at the end, or meanwhile, has a file of its own.
std::vector<KeptImage> kept_images(const ServeOptions& options) {
    std::vector<KeptImage> images;
    for (const std::string& path : options.images) {
        for (const KeptImage& other : images) {
            if (same_file(path, other.path())) {
                throw RequestError(fmt::format("--image {}: two cards cannot be saved in one file", path));
            }
        }
        images.emplace_back(path);
    }
    if (!options.trace.empty()) {
        std::vector<std::string> others = options.cards;
        others.insert(others.end(), options.spares.begin(), options.spares.end());
        others.insert(others.end(), options.images.begin(), options.images.end());
        check_trace_place(options.trace, others);
    }
    return images;
}

/// A card that cannot start would be nothing but an empty reader.
std::unique_ptr<RiggedCard> start_card(const std::string& origin, const ServeOptions& options,
                                       std::size_t index, Trace& trace) {
    MakeOptions make;
    make.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::size_t in_readers = options.cards.size();
    const bool one_of_many = in_readers + options.spares.size() > 1;
    auto card = std::make_unique<RiggedCard>(index < in_readers ? static_cast<int>(index) : -1,
                                             open_card(origin, make), options.seed, trace,
                                             one_of_many ? std::to_string(index + 1) : std::string());
    card->power_on();
    if (const auto mute = card->mute()) {
        throw RequestError(fmt::format("{}: this card does not start: {}", origin, mute->reason));
    }
    return card;
}

std::string what(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        return exception.what();
    }
}

const std::string& origin_of(const ServeOptions& options, std::size_t card) {
    const std::size_t in_readers = options.cards.size();
    return card < in_readers ? options.cards[card] : options.spares[card - in_readers];
}

/// All that can be saved is, whatever becomes of the others; what is to be told waits until then.
ExitStatus save_all(const std::vector<KeptImage>& images, const ServeOptions& options,
                    const std::vector<std::unique_ptr<RiggedCard>>& cards, Report& report) {
    std::vector<std::exception_ptr> troubles(cards.size());
    for (std::size_t i = 0; i < images.size(); ++i) {
        try {
            images[i].save(cards[i]->image());
        } catch (const std::exception&) {
            troubles[i] = std::current_exception();
        }
    }
    ExitStatus status = ExitStatus::all_held;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        if (troubles[i]) {
            report.say(what(troubles[i]));
            status = ExitStatus::wrong_request;
        } else if (i >= images.size() && cards[i]->writes() != 0) {
            report.say(fmt::format("{}: what was written to this card's memory is not kept (--image FILE "
                                   "would)",
                                   origin_of(options, i)));
        }
    }
    return status;
}

/// What the end means, in words and as an exit status.
ExitStatus conclude(const ServiceEnd& end, const Endpoint& endpoint, Report& report) {
    if (end.unreachable) {
        report.say(fmt::format("no vpcd at {}: {}. It is there while pcscd runs, with the package "
                               "vsmartcard-vpcd",
                               endpoint.text(), end.trouble));
        return ExitStatus::host_cannot;
    }
    if (end.card_failed) {
        report.say(end.error ? fmt::format("the card failed: {}", what(end.error))
                             : std::string("the card has no answer, and is out of its reader"));
        return ExitStatus::something_did_not;
    }
    return ExitStatus::all_held;
}

/// Serves until the end, and saves the cards whatever that was.
ExitStatus serve_and_save(ServiceOptions service, const std::vector<KeptImage>& images,
                          const ServeOptions& options, const SignalWatch& signals, Report& report) {
    std::vector<std::unique_ptr<RiggedCard>> cards;
    for (std::size_t i = 0; i < options.cards.size() + options.spares.size(); ++i) {
        cards.push_back(start_card(origin_of(options, i), options, i, report.trace()));
        if (i < options.cards.size()) {
            service.cards.push_back(cards.back().get());
        } else {
            cards.back()->power_off();
        }
    }
    auto control = make_serve_control(options.control, service, cards, report.trace());
    report.begin();
    if (control) {
        control->start();
    }
    ServiceEnd end;
    std::exception_ptr trouble;
    try {
        end = serve_cards(service, signals);
    } catch (const std::exception&) { // the cards are worth more than to be told at once
        trouble = std::current_exception();
    }
    control.reset(); // nothing moves any more
    const ExitStatus saved = save_all(images, options, cards, report);
    if (trouble) {
        std::rethrow_exception(trouble);
    }
    const ExitStatus concluded = conclude(end, service.endpoint, report);
    return concluded != ExitStatus::all_held ? concluded : saved;
}

int serve(const ServeOptions& options) {
    ServiceOptions service = service_options(options);
    const std::vector<KeptImage> images = kept_images(options);
    const SignalWatch signals;
    // Somebody who stops reading must not end the card; LineOutput sees it by itself.
    std::signal(SIGPIPE, SIG_IGN);
    Report report(options);
    service.tell = [&report](const std::string& text) { report.say(text); };
    service.moved = [&report](std::size_t card, bool in) {
        report.trace().add("reader", static_cast<int>(card), {{"event", in ? "inserted" : "removed"}});
    };
    ExitStatus status = ExitStatus::all_held;
    try {
        status = serve_and_save(service, images, options, signals, report);
    } catch (const std::exception&) {
        static_cast<void>(report.finish());
        throw;
    }
    const bool traced = report.finish();
    if (status == ExitStatus::all_held && !traced) {
        status = ExitStatus::something_did_not;
    }
    return static_cast<int>(status);
}

void add_options(CLI::App& command, ServeOptions& options) {
    command
        .add_option(
            "--card", options.cards,
            "A shipped profile's name, a profile, or a card image; a second one goes to the next port")
        ->type_name("PROFILE|IMAGE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(not_empty());
    command
        .add_option("--spare", options.spares, "A card that is in no reader until `cardrig hand` puts it in")
        ->type_name("PROFILE|IMAGE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(not_empty());
    command
        .add_option("--control", options.control,
                    "Let `cardrig hand --socket PATH` move the cards while they are served")
        ->type_name("PATH")
        ->check(not_empty());
    command
        .add_option("--vpcd", options.vpcd,
                    "Where vpcd listens (127.0.0.1:35963); HOST, PORT or [IPV6]:PORT will do")
        ->type_name("HOST:PORT")
        ->check(not_empty());
    command
        .add_option(
            "--listen", options.listen,
            "For a vpcd that connects to us (\"reversed\"): at this port of 127.0.0.1 and the next one")
        ->type_name("[HOST:]PORT")
        ->check(not_empty());
    command
        .add_option("--image", options.images,
                    "Save the card here at the end; a second one is for the second card")
        ->type_name("FILE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(not_empty());
    command.add_option("--trace", options.trace, "Write everything that happens here, as JSON lines")
        ->type_name("FILE")
        ->check(not_empty());
    command.add_option("--seed", options.seed, "Make the cards' random numbers and keys reproducible")
        ->check(counting_number());
    command.add_flag("--once", options.once,
                     "Do not wait: status 3 if there is no vpcd, and the end when it goes");
    command.add_flag("--show-secrets", options.show_secrets,
                     "Do not redact passcodes and keys, on standard output and in the trace");
}

} // namespace

void add_serve_command(CLI::App& app, int& status) {
    CLI::App* const command =
        app.add_subcommand("serve", "Put a card into a vpcd that runs already, until interrupted");
    const auto options = std::make_shared<ServeOptions>();
    add_options(*command, *options);
    command->footer(
        "Waits for vpcd, puts the card in, and does so again when pcscd was restarted. Each APDU is a line "
        "on\n"
        "standard output: number, seconds, reader, meaning, bytes, status, milliseconds. Whoever does not "
        "read\n"
        "them in time misses some; the card never waits. SIGINT, SIGTERM and SIGHUP end it in good order.\n"
        "Without --image nothing is saved, also where the card came from an image.\n"
        "\n"
        "--listen is for a vpcd with a host in its DEVICENAME (127.0.0.1:0x8C7B). Start this command before\n"
        "pcscd and end it after pcscd: vpcd 3.3 takes its whole daemon down when a connection ends. It\n"
        "connects for both slots; with one card, the second reader seems to have a card that no client can\n"
        "connect to.\n"
        "\n"
        "Exit status: 0 ended by a signal (or, with --once, by the end of vpcd); 1 a card failed or a part "
        "of\n"
        "the trace is missing; 2 the request was wrong, or an image could not be saved; 3 no vpcd (--once), "
        "or\n"
        "the port is taken.\n"
        "Examples: cardrig serve --card piv-staff\n"
        "          cardrig serve --card my.card --image my.card --vpcd test-host:35963\n"
        "          cardrig serve --card my.card --listen 35963");
    command->callback([options, &status] { status = serve(*options); });
}

} // namespace cardrig::harness
