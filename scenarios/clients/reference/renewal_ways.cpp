#include "scenarios/clients/reference/renewal.h"
#include "scenarios/clients/reference/retired_slots.h"
#include "scenarios/clients/reference/tasks.h"

namespace cardrig::client {

namespace {

template <class Renewing>
void run(Renewing renewal, bool& half_finished) {
    renewal.set_said_finishing(half_finished);
    try {
        renewal.run();
    } catch (const Failure&) {
        half_finished = renewal.said_finishing();
        throw;
    }
}

} // namespace

void run_renewal(const Desk& desk, const Authority& authority, HolderCard& card, const TrustAnchors& trust,
                 const Secret& passcode, bool& half_finished) {
    if (desk.options.way == Way::retired_slots) {
        run(RetiredSlotRenewal(desk.person, authority, card, trust, passcode), half_finished);
    } else {
        run(PairRenewal(desk.person, authority, card, trust, passcode), half_finished);
    }
}

} // namespace cardrig::client
