#pragma once

#include <tlm>
#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/simple_target_socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <systemc>
#include <unordered_map>
#include <vector>

#include "gnomon/sim/memory_port.hpp"

/// The opt-in SystemC header: a memory port as a TLM-2.0 target. Compile with `SC_CPLUSPLUS=201703L` where the SystemC library was built as C++17.
namespace gnomon::sim {

/// A TLM-2.0 approximately timed target (base protocol, four phases) in front of a memory port, with the port's own cycles.
///
/// BEGIN_REQ offers the transaction to the port; END_REQ is sent when the port has taken it, BEGIN_RESP when its data has passed; the
/// initiator may answer END_RESP at once or later (the next response waits for it). Transactions complete in the memory's order. The
/// blocking call waits for the same times; the debug call moves data without time. Data is kept in pages that are made when first
/// written; unwritten bytes read as 0. Byte enables and streaming are refused as the standard asks; there is no direct memory interface.
class MemoryTlmTarget : public sc_core::sc_module, public MemoryClient {
 public:
  tlm_utils::simple_target_socket<MemoryTlmTarget> socket;

  /// `bytes`: the size of the memory; accesses beyond it get an address error.
  MemoryTlmTarget(sc_core::sc_module_name name, MemoryPort& port, std::uint64_t bytes)
      : sc_module(name), socket("socket"), port_(port), bytes_(bytes), queue_(this, &MemoryTlmTarget::on_phase) {
    socket.register_nb_transport_fw(this, &MemoryTlmTarget::nb_transport_fw);
    socket.register_b_transport(this, &MemoryTlmTarget::b_transport);
    socket.register_transport_dbg(this, &MemoryTlmTarget::transport_dbg);
  }

  void memory_released(std::uint64_t tag, std::int64_t) override {
    port_free_ = true;
    Flight& flight = flights_.at(tag);
    if (flight.payload != nullptr) {
      tlm::tlm_phase phase = tlm::END_REQ;
      sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
      socket->nb_transport_bw(*flight.payload, phase, delay);
    }
    offer();
  }

  void memory_completed(std::uint64_t tag, std::int64_t) override {
    const auto at = flights_.find(tag);
    if (at->second.done != nullptr) {
      at->second.done->notify();
      flights_.erase(at);
      return;
    }
    responses_.push_back(at->second.payload);
    flights_.erase(at);
    if (!responding_) respond();
  }

 private:
  struct Flight {
    tlm::tlm_generic_payload* payload = nullptr;  ///< of a non-blocking transaction
    sc_core::sc_event* done = nullptr;            ///< of a blocking one
  };
  struct Waiting {
    MemoryRequest request;
  };
  using Page = std::array<unsigned char, 4096>;

  MemoryPort& port_;
  std::uint64_t bytes_;
  tlm_utils::peq_with_cb_and_phase<MemoryTlmTarget> queue_;
  std::unordered_map<std::uint64_t, Flight> flights_;
  std::deque<MemoryRequest> waiting_;
  std::deque<tlm::tlm_generic_payload*> responses_;
  std::map<std::uint64_t, Page> pages_;
  std::uint64_t next_tag_ = 0;
  bool port_free_ = true, responding_ = false;

  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    queue_.notify(payload, phase, delay);
    return tlm::TLM_ACCEPTED;
  }

  void on_phase(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
    if (phase == tlm::BEGIN_REQ) {
      if (payload.has_mm()) payload.acquire();
      if (!sound(payload)) {
        // END_REQ may be left out: BEGIN_RESP says it.
        responses_.push_back(&payload);
        if (!responding_) respond();
        return;
      }
      submit(payload, {&payload, nullptr});
    } else if (phase == tlm::END_RESP) {
      responding_ = false;
      if (!responses_.empty()) respond();
    } else {
      SC_REPORT_ERROR("/gnomon/tlm", "a phase that a target does not take");
    }
  }

  bool sound(tlm::tlm_generic_payload& payload) const {
    const std::uint64_t length = payload.get_data_length();
    if (payload.get_byte_enable_ptr() != nullptr) {
      payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    } else if (payload.get_streaming_width() < length || length == 0) {
      payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    } else if (payload.get_address() >= bytes_ || length > bytes_ - payload.get_address()) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    } else if (payload.is_read() || payload.is_write()) {
      return true;
    } else {
      payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
    }
    return false;
  }

  void submit(tlm::tlm_generic_payload& payload, Flight flight) {
    MemoryRequest request;
    request.address = payload.get_address();
    request.bytes = static_cast<std::int64_t>(payload.get_data_length());
    request.write = payload.is_write();
    request.tag = next_tag_++;
    flights_[request.tag] = flight;
    waiting_.push_back(request);
    offer();
  }

  void offer() {
    if (!port_free_ || waiting_.empty()) return;
    MemoryRequest request = waiting_.front();
    waiting_.pop_front();
    port_free_ = false;
    request.time_ps = static_cast<std::int64_t>(sc_core::sc_time_stamp() / sc_core::sc_time(1, sc_core::SC_PS));
    port_.request(request, *this);
  }

  void respond() {
    tlm::tlm_generic_payload& payload = *responses_.front();
    responses_.pop_front();
    if (payload.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE) {
      move(payload);
      payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }
    responding_ = true;
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum answer = socket->nb_transport_bw(payload, phase, delay);
    if (answer == tlm::TLM_COMPLETED || (answer == tlm::TLM_UPDATED && phase == tlm::END_RESP)) {
      tlm::tlm_phase end = tlm::END_RESP;
      queue_.notify(payload, end, delay);
    }
    if (payload.has_mm()) payload.release();
  }

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    sc_core::wait(delay);
    delay = sc_core::SC_ZERO_TIME;
    if (!sound(payload)) return;
    sc_core::sc_event done;
    submit(payload, {nullptr, &done});
    sc_core::wait(done);
    move(payload);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }

  unsigned transport_dbg(tlm::tlm_generic_payload& payload) {
    if (!sound(payload)) return 0;
    move(payload);
    return payload.get_data_length();
  }

  void move(tlm::tlm_generic_payload& payload) {
    if (payload.get_data_ptr() == nullptr) return;
    const std::uint64_t page_bytes = Page().size();
    std::uint64_t address = payload.get_address();
    unsigned char* data = payload.get_data_ptr();
    for (std::uint64_t left = payload.get_data_length(); left > 0;) {
      const std::uint64_t offset = address % page_bytes, piece = std::min(left, page_bytes - offset);
      if (payload.is_write()) {
        std::memcpy(pages_[address / page_bytes].data() + offset, data, piece);
      } else if (const auto page = pages_.find(address / page_bytes); page != pages_.end()) {
        std::memcpy(data, page->second.data() + offset, piece);
      } else {
        std::memset(data, 0, piece);
      }
      address += piece;
      data += piece;
      left -= piece;
    }
  }
};

}  // namespace gnomon::sim
