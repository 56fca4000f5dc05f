// Clients that scenarios know by name: their descriptions, and which command a scenario's runs then run.
#include "harness/client_choice.h"
#include "harness/client_description.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "tests/harness/temporary_folder.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>

using namespace cardrig::harness;

namespace {

const std::string good = R"(commands:
  renew: ["{folder}/client", "{task}", "{reader}"]
  login: [client, "{{x}}"]
environment: {TOKEN: "{authority-token}", KEPT: no}
can: [authority, finish]
words:
  success: 'Success: .*'
  done: '9[AC] Done'
)";

const std::string scenario_text = R"(title: A title
shows: What it shows
needs: [finish]
card: {profile: piv-staff}
client: {use: some, task: renew, arguments: [--role, agent], environment: {KEPT: yes}}
expect: {exit: 0, says: success}
then: [converge: {within: 2}]
)";

std::string with(const std::string& whole, const std::string& from, const std::string& to) {
    std::string text = whole;
    const std::size_t at = text.find(from);
    BOOST_TEST_REQUIRE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
}

template <class Work>
std::string refusal(const Work& work) {
    try {
        work();
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

/// A library with one client and one scenario.
struct Library {
    Library() {
        std::filesystem::create_directories(folder.file("scenarios/clients"));
        put("clients/some.yaml", good);
        put("a.yaml", scenario_text);
    }
    void put(const std::string& name, const std::string& text) const {
        write_file(folder.file("scenarios/" + name), std::string_view(text));
    }
    [[nodiscard]] Scenario scenario() const { return load_scenario(folder.file("scenarios/a.yaml")); }
    [[nodiscard]] std::string refused(const std::optional<OtherClient>& other = {}) const {
        Scenario read = scenario();
        return refusal([&] { resolve_clients(read, other); });
    }
    cardrig::tests::TemporaryFolder folder;
};

} // namespace

BOOST_AUTO_TEST_SUITE(client_description)

BOOST_AUTO_TEST_CASE(every_key_is_read) {
    const ClientDescription read = parse_client_description(good, "dir/some.yaml");
    BOOST_TEST(read.name == "some");
    BOOST_TEST(read.commands.at("renew").size() == 3U);
    BOOST_TEST(read.commands.size() == 2U);
    BOOST_TEST(read.environment.at("TOKEN") == "{authority-token}");
    BOOST_TEST(read.can.contains("finish"));
    BOOST_TEST(read.words.at("done") == "9[AC] Done");
}

BOOST_AUTO_TEST_CASE(each_mistake_has_its_place_and_word) {
    struct Mistake {
        std::string from;
        std::string to;
        std::string place;
        std::string word;
    };
    const std::vector<Mistake> mistakes{
        {"commands:", "comands:", "c.yaml:", "'commands'"},
        {"  renew:", "  renwe:", "c.yaml:2:3", "'renew'"},
        {"[\"{folder}/client\", \"{task}\", \"{reader}\"]", "client renew", "c.yaml:2:10", "list"},
        {"[\"{folder}/client\", \"{task}\", \"{reader}\"]", "[]", "c.yaml:2:10", "program"},
        {"\"{reader}\"", "\"{reader\"", "c.yaml:2:", "brace"},
        {"\"{reader}\"", "\"reader}\"", "c.yaml:2:", "brace"},
        {"\"{reader}\"", "{reader}", "c.yaml:2:", "\"{reader}\""},
        {"environment:", "enviroment:", "c.yaml:4:1", "'environment'"},
        {"TOKEN:", "'A B':", "c.yaml:4:15", "'A B'"},
        {"finish]", "finsh]", "c.yaml:5:18", "'finish'"},
        {"finish]", "authority]", "c.yaml:5:18", "twice"},
        {"  success:", "  sucess:", "c.yaml:7:3", "'success'"},
        {"'Success: .*'", "'Success: (.*'", "c.yaml:7:12", "Success: ("},
        {"'Success: .*'", "''", "c.yaml:7:12", "empty"},
    };
    for (const Mistake& mistake : mistakes) {
        BOOST_TEST_CONTEXT(mistake.to) {
            const std::string message = refusal([&] {
                static_cast<void>(parse_client_description(with(good, mistake.from, mistake.to), "c.yaml"));
            });
            BOOST_TEST(message.starts_with(mistake.place), message);
            BOOST_TEST(message.find(mistake.word) != std::string::npos, message);
        }
    }
}

BOOST_AUTO_TEST_CASE(its_command_is_the_runs) {
    const Library library;
    Scenario read = library.scenario();
    resolve_clients(read, {});
    const ScenarioClient& client = read.acts[0].run->client;
    const std::vector<std::string> command{library.folder.file("scenarios/clients") + "/client", "renew",
                                           "{reader}", "--role", "agent"};
    BOOST_TEST(client.command == command, boost::test_tools::per_element());
    BOOST_TEST(client.environment.at("TOKEN") == "{authority-token}");
    BOOST_TEST(client.environment.at("KEPT") == "yes"); // the scenario's own word
    BOOST_TEST(client.words.at("success") == "Success: .*");
    BOOST_TEST(read.acts[1].converge->run.client.command == command, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_its_own_client_cannot_do_is_a_mistake) {
    const auto message = [](const std::string& from, const std::string& to, bool in_description) {
        const Library library;
        library.put(in_description ? "clients/some.yaml" : "a.yaml",
                    with(in_description ? good : scenario_text, from, to));
        return library.refused();
    };
    const std::string place = "a.yaml:5:9: ";
    const auto holds = [&](const std::string& text, const std::string& word) {
        BOOST_TEST(text.find(place) != std::string::npos, text);
        BOOST_TEST(text.find(word) != std::string::npos, text);
    };
    holds(message("use: some", "use: smoe", false), "'some'");
    holds(message("task: renew", "task: unlock", false), "'unlock'");
    holds(message("[finish]", "[notice]", false), "notice");
    holds(message("says: success", "says: locked", false), "'locked'");
    holds(message("says: success", "never-says: locked", false), "'locked'");
    holds(message("\"{reader}\"", "\"{raeder}\"", true), "'reader'");
}

BOOST_AUTO_TEST_CASE(another_client_is_not_run_where_it_cannot) {
    const Library library;
    library.put("clients/other.yaml", "commands: {renew: [x]}\n");
    library.put("clients/able.yaml", "commands: {renew: [x]}\ncan: finish\n");
    const auto reason = [&](const OtherClient& other) {
        Scenario read = library.scenario();
        resolve_clients(read, other);
        return read.not_applicable;
    };
    BOOST_TEST(reason({"other", {}}).find("finish") != std::string::npos);
    BOOST_TEST(reason({"able", {}}) == "");
    BOOST_TEST(reason({library.folder.file("scenarios/clients/able.yaml"), {}}) == "");
    BOOST_TEST(reason({"", {"x", "{task}"}}) == "");
    library.put("a.yaml", with(with(scenario_text, "use: some, task: renew, arguments: [--role, agent]",
                                    "command: [y]"),
                               ", says: success", ""));
    BOOST_TEST(reason({"able", {}}).find("command line") != std::string::npos);
    BOOST_TEST(reason({"", {"x", "{task}"}}).find("{task}") != std::string::npos);
    BOOST_TEST(reason({"", {"x"}}) == "");
    BOOST_TEST(library.refused(OtherClient{"smoe", {}}).find("'some'") != std::string::npos);
    BOOST_TEST(library.refused(OtherClient{"none/such.yaml", {}}).find("none/such.yaml") !=
               std::string::npos);
    BOOST_TEST(library.refused(OtherClient{"", {"x", "{raeder}"}}).starts_with("--client: "));
}

BOOST_AUTO_TEST_CASE(a_command_line_knows_the_task_and_no_words) {
    const Library library;
    Scenario read = library.scenario();
    resolve_clients(read, OtherClient{"", {"mine", "{task}"}});
    const ScenarioClient& client = read.acts[0].run->client;
    BOOST_TEST(client.command == (std::vector<std::string>{"mine", "renew"}),
               boost::test_tools::per_element());
    BOOST_TEST(client.words.empty());
    BOOST_TEST(client.use == "");
}

BOOST_AUTO_TEST_SUITE_END()
