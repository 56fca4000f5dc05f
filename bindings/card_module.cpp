// The Python module: a card in this process, as objects.
#include "apdu/bytes.h"
#include "emulator/inspection.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/profile.h"
#include "harness/rigged_card.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <pybind11/chrono.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

namespace py = pybind11;

namespace cardrig::bindings {

namespace {

using apdu::Bytes;

py::bytes to_python(apdu::ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whatever lies in one piece of memory: bytes, bytearray, memoryview.
Bytes from_python(const py::buffer& buffer) {
    Py_buffer view{};
    if (PyObject_GetBuffer(buffer.ptr(), &view, PyBUF_SIMPLE) != 0) {
        throw py::error_already_set();
    }
    const auto* const begin = static_cast<const std::uint8_t*>(view.buf);
    Bytes bytes(begin, begin + view.len);
    PyBuffer_Release(&view);
    return bytes;
}

/// Values as Python has them; a profile's text writes truth in lower case.
harness::ProfileOverrides overrides_from_python(const std::map<std::string, py::object>& values) {
    harness::ProfileOverrides overrides;
    for (const auto& [key, value] : values) {
        if (py::isinstance<py::bool_>(value)) {
            overrides[key] = value.cast<bool>() ? "true" : "false";
        } else if (py::isinstance<py::str>(value) || py::isinstance<py::int_>(value)) {
            overrides[key] = py::str(value).cast<std::string>();
        } else {
            throw py::type_error(fmt::format("override '{}' is neither str, int nor bool", key));
        }
    }
    return overrides;
}

/// A date with its time zone: naive ones are read as local time by most of Python.
py::object to_datetime(std::chrono::sys_seconds time) {
    const py::module_ datetime = py::module_::import("datetime");
    return datetime.attr("datetime")
        .attr("fromtimestamp")(time.time_since_epoch().count(), datetime.attr("timezone").attr("utc"));
}

class CardError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class PowerCutError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct Certificate {
    std::string slot;
    emulator::CertificateState state;
};

struct Passcode {
    int tries_left = 0;
    int tries = 0;
};

class Card {
public:
    Card(emulator::CardImage image, std::optional<std::uint64_t> seed)
        : card_(std::make_unique<harness::RiggedCard>(0, std::move(image), seed, trace_)) {
        power_on();
    }

    static std::unique_ptr<Card> from_profile(const std::filesystem::path& profile,
                                              const std::map<std::string, py::object>& overrides,
                                              std::optional<std::uint64_t> seed) {
        harness::MakeOptions options;
        options.overrides = overrides_from_python(overrides);
        options.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        return std::make_unique<Card>(harness::make_card(profile.string(), options).image, seed);
    }

    static std::unique_ptr<Card> from_image(const py::buffer& image, std::optional<std::uint64_t> seed) {
        auto parsed = emulator::CardImage::parse(from_python(image));
        if (!parsed) {
            throw harness::RequestError(parsed.error().message);
        }
        return std::make_unique<Card>(std::move(*parsed), seed);
    }

    py::bytes transmit(const py::buffer& command) {
        const Bytes bytes = from_python(command);
        if (card_->atr().empty()) {
            throw PowerCutError("the card has no power");
        }
        harness::Answer answer;
        {
            const py::gil_scoped_release release;
            answer = card_->transmit(bytes);
        }
        if (!answer) {
            throw PowerCutError(fmt::format("the card lost its power at memory write {}", card_->writes()));
        }
        return to_python(*answer);
    }

    void cut_power(std::uint64_t at_write, const std::string& tearing) {
        if (at_write == 0) {
            throw harness::RequestError("at_write counts from 1: the next memory write");
        }
        auto parsed = harness::Tearing::parse(tearing);
        if (!parsed) {
            throw harness::RequestError(parsed.error().message);
        }
        harness::Fault fault;
        fault.place.write = card_->writes() + at_write;
        fault.effect.verb = harness::Verb::cut_power;
        fault.effect.tearing = *parsed;
        card_->plan({fault});
    }

    [[nodiscard]] bool power_cut_pending() const { return !card_->pending_faults().empty(); }

    void power_on() {
        card_->power_on();
        const std::optional<harness::Mute> mute = card_->mute();
        if (mute && mute->power_lost) {
            throw PowerCutError(
                fmt::format("the card lost its power in recovery, at memory write {}", card_->writes()));
        }
        if (mute) {
            throw CardError(fmt::format("the card stays mute: {}", mute->reason));
        }
    }
    void power_off() { card_->power_off(); }
    void reset() { card_->reset(); }
    [[nodiscard]] py::bytes atr() { return to_python(card_->atr()); }
    [[nodiscard]] py::bytes image() const { return to_python(card_->image().serialize()); }
    void save(const std::filesystem::path& path) const {
        const Bytes bytes = card_->image().serialize();
        try {
            harness::write_file(path.string(), bytes);
        } catch (const harness::RequestError& error) {
            PyErr_SetString(PyExc_OSError, error.what());
            throw py::error_already_set();
        }
    }
    [[nodiscard]] std::uint64_t writes() const { return card_->writes(); }

    [[nodiscard]] emulator::CardState state() const {
        auto state = emulator::inspect(card_->image());
        if (!state) {
            throw CardError(state.error().message);
        }
        return *state;
    }

    [[nodiscard]] std::vector<Certificate> certificates() const {
        std::vector<Certificate> found;
        for (const emulator::SlotState& slot : state().slots) {
            if (slot.certificate) {
                found.push_back({fmt::format("{:02X}", slot.reference), *slot.certificate});
            }
        }
        return found;
    }

    [[nodiscard]] Passcode passcode() const {
        const emulator::CounterState counter = state().passcode;
        return {counter.left, counter.limit};
    }
    [[nodiscard]] Passcode unblocking_code() const {
        const emulator::CounterState counter = state().unblocking_code;
        return {counter.left, counter.limit};
    }

    [[nodiscard]] bool passcode_is(const std::string& passcode) const {
        auto same = emulator::passcode_is(card_->image(), passcode);
        if (!same) {
            throw CardError(same.error().message);
        }
        return *same;
    }

private:
    harness::Trace trace_{false, harness::Trace::Keep::nothing}; // nobody asks for it here
    std::unique_ptr<harness::RiggedCard> card_;
};

void bind_values(py::module_& module) {
    py::class_<Certificate>(module, "Certificate", "A certificate as it lies on the card.")
        .def_readonly("slot", &Certificate::slot, "key reference, two hex digits: '9A'")
        .def_property_readonly(
            "subject", [](const Certificate& c) { return c.state.subject; }, "RFC 2253")
        .def_property_readonly(
            "issuer", [](const Certificate& c) { return c.state.issuer; }, "RFC 2253")
        .def_property_readonly(
            "serial", [](const Certificate& c) { return c.state.serial; }, "upper-case hex")
        .def_property_readonly(
            "not_before", [](const Certificate& c) { return to_datetime(c.state.not_before); },
            "datetime, UTC")
        .def_property_readonly(
            "not_after", [](const Certificate& c) { return to_datetime(c.state.not_after); }, "datetime, UTC")
        .def_property_readonly(
            "der", [](const Certificate& c) { return to_python(c.state.der); }, "bytes, X.509")
        .def_property_readonly(
            "sha256", [](const Certificate& c) { return c.state.sha256; }, "of der, hex")
        .def_property_readonly(
            "matches_key", [](const Certificate& c) { return c.state.matches_key; },
            "whether a signature made with the slot's key verified under it")
        .def("__repr__", [](const Certificate& c) {
            return fmt::format("<cardrig.Certificate {} {} serial {}>", c.slot, c.state.subject,
                               c.state.serial);
        });
    py::class_<Passcode>(module, "Passcode", "A passcode's retry counter (or the unblocking code's).")
        .def_readonly("tries_left", &Passcode::tries_left, "0 to tries")
        .def_readonly("tries", &Passcode::tries, "what the counter starts from")
        .def_property_readonly("locked", [](const Passcode& p) { return p.tries_left == 0; })
        .def("__repr__", [](const Passcode& p) {
            return fmt::format("<cardrig.Passcode {} of {} tries left>", p.tries_left, p.tries);
        });
}

void bind_card(py::module_& module) {
    py::class_<Card>(module, "Card",
                     "A card in this process, with power on. Not to be used by two threads at once.")
        .def_static(
            "from_profile", &Card::from_profile, py::arg("profile"), py::kw_only(),
            py::arg("overrides") = py::dict(), py::arg("seed") = py::none(),
            "Makes a card. profile: a shipped profile's name or a YAML file (str or path). overrides: "
            "profile "
            "keys with dots, e.g. {'certificates.9A.expires': '10 days', 'passcode.tries': 5}. seed: makes "
            "keys and random numbers reproducible. Raises ValueError with file, line and column.")
        .def_static(
            "from_image", &Card::from_image, py::arg("image"), py::kw_only(), py::arg("seed") = py::none(),
            "Takes the bytes of a card image. Raises ValueError on what is none, and CardError where its "
            "memory is no card's.")
        .def("transmit", &Card::transmit, py::arg("command"),
             "Sends a command APDU (any bytes) and returns the response APDU (bytes: data and status word). "
             "Raises PowerCut if the power goes meanwhile, and while it is off.")
        .def("cut_power", &Card::cut_power, py::kw_only(), py::arg("at_write"),
             py::arg("tearing") = "prefix half",
             "Plans a loss of power at the n-th memory write from now (from 1). tearing: what the write "
             "leaves: "
             "lost-writes, atomic-page, prefix none|one|half|all-but-one, erased-page, erase-block, "
             "weak-bits. "
             "Replaces an earlier plan.")
        .def_property_readonly("power_cut_pending", &Card::power_cut_pending,
                               "whether a planned loss of power has not happened yet")
        .def("power_on", &Card::power_on,
             "A new power-on over what the memory kept. Does nothing while power is on: take it away with "
             "power_off() first. Raises PowerCut if the power goes again while the card recovers, and "
             "CardError if the card stays mute because its memory is no card's.")
        .def("power_off", &Card::power_off, "Takes the power away between two commands.")
        .def("reset", &Card::reset, "Warm reset.")
        .def_property_readonly("atr", &Card::atr, "bytes; empty without power")
        .def_property_readonly("writes", &Card::writes, "memory writes so far")
        .def_property_readonly("certificates", &Card::certificates, "list of Certificate, by slot")
        .def_property_readonly("passcode", &Card::passcode, "Passcode; looking costs no try")
        .def_property_readonly("unblocking_code", &Card::unblocking_code, "Passcode; looking costs no try")
        .def("passcode_is", &Card::passcode_is, py::arg("passcode"),
             "Whether this is the card's passcode; costs no try.")
        .def_property_readonly("image", &Card::image, "bytes: the card saved whole")
        .def("save", &Card::save, py::arg("path"),
             "Writes the image to a file (str or path), aside and renamed. Raises OSError.");
}

} // namespace

} // namespace cardrig::bindings

PYBIND11_MODULE(_cardrig, module) {
    namespace bindings = cardrig::bindings;
    module.doc() = "A virtual smartcard in this process.";
    py::register_exception<bindings::CardError>(module, "CardError", PyExc_RuntimeError);
    py::register_exception<bindings::PowerCutError>(module, "PowerCut", PyExc_RuntimeError);
    // NOLINTNEXTLINE(performance-unnecessary-value-param): pybind11 fixes the parameter's type
    py::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer) {
                std::rethrow_exception(pointer);
            }
        } catch (const cardrig::harness::RequestError& error) {
            PyErr_SetString(PyExc_ValueError, error.what());
        }
    });
    bindings::bind_values(module);
    bindings::bind_card(module);
    module.def("profiles", &cardrig::harness::shipped_profile_names,
               "Names of the profiles that come with cardrig.");
}
