#include "harness/authority_expectations.h"

#include "apdu/command_apdu.h"
#include "harness/trace_places.h"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using emulator::Bytes;

/// The data of each PUT DATA that a card took, its chain put together.
std::vector<Bytes> taken_objects(const std::vector<TraceEvent>& events) {
    std::vector<Bytes> objects;
    std::map<std::string, Bytes> under_way; // by card
    for (const TraceEvent& event : events) {
        const auto command = traced_command(event);
        if (!command || command->name != "put-data") {
            continue;
        }
        const auto bytes = apdu::from_hex(event.fields.value("command", ""));
        const auto apdu = bytes ? apdu::CommandApdu::parse(*bytes) : tl::make_unexpected(bytes.error());
        if (!apdu) {
            continue;
        }
        Bytes& data = under_way[event.fields.value("card", "")];
        if (command->block == 1) {
            data.clear();
        }
        std::ranges::copy(apdu->data(), std::back_inserter(data));
        if (!apdu->chained() && command->card_status == "9000") {
            objects.push_back(std::exchange(data, {}));
        }
    }
    return objects;
}

bool holds(const Bytes& object, const Bytes& certificate) {
    return !certificate.empty() &&
           std::search(object.begin(), object.end(), certificate.begin(), certificate.end()) != object.end();
}

std::string listed(const std::vector<IssueRecord>& records) {
    std::vector<std::string> texts;
    std::ranges::transform(records, std::back_inserter(texts), issue_text);
    return fmt::format("{}", fmt::join(texts, "; "));
}

} // namespace

void CertificateLedger::collect(const emulator::CardImage& card, std::set<std::string>& certificates) const {
    const auto state = memo_ == nullptr ? emulator::inspect(card) : emulator::inspect(card, *memo_);
    if (!state) {
        return; // what cannot be read is judged as that (I1)
    }
    for (const emulator::SlotState& slot : state->slots) {
        if (slot.certificate) {
            certificates.insert(apdu::to_hex(slot.certificate->der));
        }
    }
}

CertificateLedger::CertificateLedger(const std::vector<emulator::CardImage>& at_start,
                                     emulator::InspectionMemo* memo)
    : memo_(memo) {
    for (const emulator::CardImage& card : at_start) {
        collect(card, from_start_);
    }
}

void CertificateLedger::see(const std::vector<emulator::CardImage>& cards,
                            const std::vector<TraceEvent>& events) {
    for (const emulator::CardImage& card : cards) {
        collect(card, seen_);
    }
    std::ranges::move(taken_objects(events), std::back_inserter(written_));
}

bool CertificateLedger::from_start(const Bytes& certificate) const {
    return from_start_.contains(apdu::to_hex(certificate));
}

std::vector<IssueRecord> CertificateLedger::issued(std::span<const IssueRecord> record) const {
    std::vector<IssueRecord> found;
    std::ranges::copy_if(record, std::back_inserter(found),
                         [this](const IssueRecord& one) { return !from_start(one.certificate); });
    return found;
}

std::vector<IssueRecord> CertificateLedger::unused(std::span<const IssueRecord> record) const {
    std::vector<IssueRecord> found = issued(record);
    std::erase_if(found, [this](const IssueRecord& one) {
        return seen_.contains(apdu::to_hex(one.certificate)) ||
               std::ranges::any_of(written_,
                                   [&](const Bytes& object) { return holds(object, one.certificate); });
    });
    return found;
}

std::string issue_text(const IssueRecord& record) {
    return fmt::format("{}{}{}", record.key.empty() ? "one" : record.key,
                       record.renewal.empty() ? "" : " of renewal " + record.renewal,
                       record.delivered ? "" : ", whose answer was lost");
}

std::vector<Shortfall> check_authority(const AuthorityExpectation& expect, const CertificateLedger& ledger,
                                       std::span<const IssueRecord> record) {
    std::vector<Shortfall> shortfalls;
    const std::vector<IssueRecord> issued = ledger.issued(record);
    if (expect.issued && issued.size() != *expect.issued) {
        shortfalls.push_back(
            {"", "", "certificates issued", fmt::format("{}", *expect.issued),
             issued.empty() ? "none" : fmt::format("{}: {}", issued.size(), listed(issued))});
    }
    const std::vector<IssueRecord> unused = ledger.unused(record);
    if (expect.unused && unused.size() > *expect.unused) {
        shortfalls.push_back(
            {"", "", "certificates unused", fmt::format("at most {}", *expect.unused),
             fmt::format("{} that were never on a card: {}", unused.size(), listed(unused))});
    }
    return shortfalls;
}

} // namespace cardrig::harness
