#include "design/drive.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>

#include "cosim/operands.hpp"
#include "cosim/testbench.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/sim/cycle_user.hpp"

namespace gnomon::hls {
namespace {

/// A queue of the program at its port.
struct ProgramPort {
  PortData valid, ready, data;
  const DescriptorStream* stream = nullptr;
  std::int64_t at = 0;
  bool fresh = true;
};

class Driver : public sim::CycleUser, public CoreRtl {
 public:
  Driver(LoadedModel& model, DesignJob& job, std::vector<std::int32_t>& memory) : model_(model), job_(job), memory_(memory), random_(derive(job.seed, "stalls")) {}

  Expected<void> start() override {
    if (auto ok = connect(); !ok) return ok;
    if (!job_.record.empty()) recorder_.emplace(model_, job_.record_cycles);
    reset();
    job_.ends.assign(job_.program.ends.size(), 0);
    // Nothing begins before `run`: the queues fill.
    for (int i = 0; i < 16; ++i) step(false);
    return {};
  }

  Expected<void> run() {
    if (auto ok = start(); !ok) return ok;
    set_run(true);
    if (has_device()) {
      auto document = Document::parse(job_.device, "design");
      auto design = document ? arch::parse_design(*document) : fail(std::move(document.error()));
      if (!design) return fail(std::move(design.error()));
      if (auto ran = sim::run_against_memory(*design, *this); !ran) return fail(std::move(ran.error()));
    } else {
      while (goes_on()) step(true);
    }
    return write_record();
  }

  Expected<void> write_record() const override {
    if (recorder_) return write_file(job_.record, recorder_->text());
    return {};
  }

  /// With a device.
  void begin(std::int64_t) override {
    if (begun_) end_cycle();
    begun_ = true;
    if (goes_on()) begin_cycle();
  }
  bool finished() const override { return next_end_ == job_.ends.size() || !job_.stuck.empty(); }

  // One core among several.
  void complete(const Tags& transfers) override {
    complete_tags_.insert(complete_tags_.end(), transfers.begin(), transfers.end());
    tell_completed();
    model_.eval();
  }
  bool reached(std::size_t step) const override { return reached(now(), job_.program.ends[step]); }
  void set_run(bool runs) override {
    run_.set(runs ? 1 : 0);
    model_.eval();
  }
  bool has(const Progress& need) const override { return reached(now(), need); }
  bool asks() override {
    if (transfer_ >= 0 || late_request_ || finished()) return false;
    rq_ready_.set(1);
    model_.eval();
    const bool asked = rd_valid_.get() != 0 || wr_valid_.get() != 0;
    rq_ready_.set(0);
    model_.eval();
    return asked;
  }
  std::optional<Request> begin_transfer() override {
    rq_ready_.set(1);
    model_.eval();
    port_free_ = true;
    return next_request();
  }
  void release() override {
    if (!tells_release_) return;
    released_.set(1);
    model_.eval();
  }
  bool asks(const SharedLink& link) const override { return link_asks_[place_of(link)].get() != 0; }
  void grant(const SharedLink& link, bool granted) override {
    link_grant_[place_of(link)].set(granted ? 1 : 0);
    model_.eval();
    if (granted) last_moved_ = cycle_;
  }
  std::int64_t last_moved() const override { return last_moved_; }
  void give_up(std::int64_t cycle, const std::string& why) override { stop(cycle, why + ": " + where()); }

 private:
  struct Answer {
    std::int64_t due;  ///< a device's: of which transfer
    std::vector<std::int32_t> words;
  };
  LoadedModel& model_;
  DesignJob& job_;
  std::vector<std::int32_t>& memory_;
  Random random_;
  std::optional<Recorder> recorder_;
  PortData clk_, rst_, run_, bias_valid_, bias_addr_, bias_data_, rd_valid_, rd_ready_, rd_lanes_, rd_addr_, rr_valid_, rr_data_;
  PortData wr_valid_, wr_ready_, wr_last_, wr_lanes_, wr_addr_, wr_data_, wa_valid_, ended_, done_;
  std::vector<ProgramPort> programs_;
  std::vector<std::string> program_names_;
  std::deque<Answer> answers_;
  std::deque<std::int64_t> acknowledged_;
  std::int64_t cycle_ = 0;
  std::uint64_t time_ = 0;
  std::int64_t last_moved_ = 0;
  Progress progress_{};
  std::size_t next_end_ = 0;
  std::int64_t bias_at_ = 0;      ///< the next bias
  std::size_t bias_layer_ = 0;    ///< whose place it takes, where it takes one's
  std::vector<char> late_program_;  ///< by port of the program
  // Of a device.
  PortData rq_ready_, rq_tag_, complete_;
  bool begun_ = false, begins_ = false, port_free_ = true;  ///< a cycle; a request in this cycle
  bool late_read_ = false, late_write_ = false, late_answer_ = false, late_request_ = false;
  std::int64_t transfer_ = -1, transfers_ = 0, words_left_ = 0;  ///< the present one, those that have begun
  std::vector<std::uint64_t> complete_tags_;                     ///< that the RTL has not been told of
  // Of several cores with shared links, by their place among the program's.
  std::vector<PortData> link_asks_, link_grant_;
  PortData released_;
  bool tells_release_ = false;
  static constexpr std::int64_t tags = std::int64_t{1} << DesignShape::tag_log;

  bool has_device() const { return !job_.device.empty(); }
  std::size_t place_of(const SharedLink& link) const { return static_cast<std::size_t>(&link - job_.program.shared_links.data()); }

  Progress now() const {
    Progress out{};
    out[0] = static_cast<std::int64_t>(ended_.get());
    for (std::size_t c = 0; c < counters(); ++c) out[1 + c] = static_cast<std::int64_t>(done_.get_lane(static_cast<std::int64_t>(c), 32));
    return out;
  }
  static bool reached(const Progress& now, const Progress& need) {
    return std::equal(now.begin(), now.end(), need.begin(), [](std::int64_t has, std::int64_t asked) { return has >= asked; });
  }

  bool goes_on() {
    if (finished()) return false;
    if (cycle_ > job_.max_cycles) stop(cycle_, "it has not finished after " + std::to_string(cycle_) + " cycles: " + where());
    else if (cycle_ - last_moved_ > job_.patience_cycles) stop(last_moved_, "nothing has moved at its ports since cycle " + std::to_string(last_moved_) + ": " + where());
    return job_.stuck.empty();
  }

  Expected<void> connect() {
    std::vector<std::pair<std::string, PortData*>> wanted{
        {"clk", &clk_}, {"rst", &rst_}, {"run", &run_}, {"bias_valid", &bias_valid_}, {"bias_addr", &bias_addr_}, {"bias_data", &bias_data_},
        {"rd_valid", &rd_valid_}, {"rd_ready", &rd_ready_}, {"rd_lanes", &rd_lanes_}, {"rd_addr", &rd_addr_}, {"rr_valid", &rr_valid_}, {"rr_data", &rr_data_},
        {"wr_valid", &wr_valid_}, {"wr_ready", &wr_ready_}, {"wr_last", &wr_last_}, {"wr_lanes", &wr_lanes_}, {"wr_addr", &wr_addr_}, {"wr_data", &wr_data_},
        {"ended", &ended_}, {"done", &done_}};
    if (has_device()) {
      wanted.push_back({"rq_ready", &rq_ready_});
      wanted.push_back({"rq_tag", &rq_tag_});
      wanted.push_back({"complete", &complete_});
    } else {
      wanted.push_back({"wa_valid", &wa_valid_});
    }
    program_names_ = {"transfer", "fold", "config"};
    std::vector<const DescriptorStream*> streams{&job_.program.transfers, &job_.program.folds, &job_.program.configs};
    if (job_.has_vector) {
      program_names_.push_back("chunk");
      streams.push_back(&job_.program.chunks);
    }
    for (const DescriptorStream& link : job_.program.links) {
      program_names_.push_back("link" + std::to_string(&link - job_.program.links.data() + 1));
      streams.push_back(&link);
    }
    link_asks_.resize(job_.program.shared_links.size());
    link_grant_.resize(job_.program.shared_links.size());
    for (const SharedLink& link : job_.program.shared_links) {
      const std::string name = "link" + std::to_string(link.engine);
      wanted.push_back({name + "_asks", &link_asks_[place_of(link)]});
      wanted.push_back({name + "_grant", &link_grant_[place_of(link)]});
      if (link.place == DesignShape::bus_link) tells_release_ = true;
    }
    if (tells_release_) wanted.push_back({"released", &released_});
    programs_.resize(streams.size());
    late_program_.resize(streams.size());
    for (std::size_t i = 0; i < programs_.size(); ++i) {
      programs_[i].stream = streams[i];
      wanted.push_back({program_names_[i] + "_valid", &programs_[i].valid});
      wanted.push_back({program_names_[i] + "_ready", &programs_[i].ready});
      wanted.push_back({program_names_[i] + "_data", &programs_[i].data});
    }
    for (const auto& [name, port] : wanted) {
      auto found = model_.port(name);
      if (!found) return fail(std::move(found.error()));
      *port = *found;
    }
    return {};
  }

  void clock(bool edge) {
    clk_.set(edge ? 1 : 0);
    model_.eval();
    time_ += 5;
    if (cycle_ >= job_.trace_from && cycle_ < job_.trace_to) model_.dump(time_);
  }

  void reset() {
    for (const PortData* port : {&run_, &bias_valid_, &rd_ready_, &rr_valid_, &wr_ready_, has_device() ? &complete_ : &wa_valid_}) port->set(0);
    for (const PortData& port : link_grant_) port.set(0);
    if (tells_release_) released_.set(1);
    for (ProgramPort& p : programs_) p.valid.set(0);
    rst_.set(1);
    for (int i = 0; i < 4; ++i) {
      clock(false);
      clock(true);
    }
    rst_.set(0);
    while (offer_bias()) record_and_clock();
  }

  /// The next bias, as soon as the layer in whose place it lies has ended; whether there was one.
  bool offer_bias() {
    const DesignProgram& program = job_.program;
    bool may = bias_at_ < static_cast<std::int64_t>(program.biases.size());
    if (may && bias_at_ >= job_.bias_words) {
      while (program.bias_ends[bias_layer_] <= bias_at_ - job_.bias_words) ++bias_layer_;
      may = static_cast<std::int64_t>(ended_.get()) >= program.array_ends[bias_layer_];
    }
    bias_valid_.set(may ? 1 : 0);
    if (!may) return false;
    bias_addr_.set(static_cast<std::uint64_t>(bias_at_ % job_.bias_words));
    bias_data_.set(static_cast<std::uint64_t>(program.biases[static_cast<std::size_t>(bias_at_++)]));
    return true;
  }

  void record_and_clock() {
    clock(false);
    record();
    clock(true);
  }

  /// What of the outputs means something in this cycle.
  void record() {
    if (!recorder_) return;
    recorder_->begin_cycle();
    for (const char* name : {"transfer_ready", "fold_ready", "rd_valid", "wr_valid"}) recorder_->means(name, 0, 1);
    recorder_->means("ended", 0, 32);
    recorder_->means("done", 0, done_.bits);
    if (has_device() && (rd_valid_.get() != 0 || wr_valid_.get() != 0)) recorder_->means("rq_tag", 0, DesignShape::tag_log);
    if (rd_valid_.get() != 0) recorder_->means("rd_lanes", 0, static_cast<int>(job_.lanes));
    if (wr_valid_.get() != 0) recorder_->means("wr_lanes", 0, static_cast<int>(job_.lanes));
    for (std::int64_t l = 0; l < job_.lanes; ++l) {
      if (rd_valid_.get() != 0 && rd_lanes_.get_lane(l, 1) != 0) recorder_->means("rd_addr", l * 32, 32);
      if (wr_valid_.get() == 0 || wr_lanes_.get_lane(l, 1) == 0) continue;
      recorder_->means("wr_addr", l * 32, 32);
      recorder_->means("wr_data", l * job_.word_bits, static_cast<int>(job_.word_bits));
    }
    recorder_->end_cycle(model_);
  }

  void answer() {
    rr_valid_.set(1);
    for (std::size_t l = 0; l < answers_.front().words.size(); ++l)
      rr_data_.set_lane(static_cast<std::int64_t>(l), static_cast<int>(job_.word_bits), static_cast<std::uint64_t>(static_cast<std::int64_t>(answers_.front().words[l])));
    answers_.pop_front();
  }

  /// The run does not come to its end.
  void stop(std::int64_t cycle, std::string why) {
    if (!job_.stuck.empty()) return;
    job_.stuck = std::move(why);
    job_.stuck_cycle = cycle;
    if (!job_.tells_status) return;
    const auto port = model_.port("status");
    for (int word = 0; port && word < port->bits / 32; ++word) job_.status.push_back(static_cast<std::int64_t>(port->get_lane(word, 32)));
  }

  /// The memory's word at an address of the RTL, or null where there is none.
  std::int32_t* word_at(const PortData& addresses, std::int64_t lane) {
    const auto address = static_cast<std::int64_t>(addresses.get_lane(lane, 32));
    if (address < job_.program.memory_words) return &memory_[static_cast<std::size_t>(address)];
    stop(cycle_, "it asks for word " + std::to_string(address) + " of a memory of " + std::to_string(job_.program.memory_words) + " words: " + where());
    return nullptr;
  }

  void offer_program() {
    for (char& late : late_program_) late = random_.chance(job_.stall) ? 1 : 0;
    const std::int64_t biases_there = bias_at_;  // of the cycles before
    offer_bias();
    for (std::size_t i = 0; i < programs_.size(); ++i) {
      ProgramPort& p = programs_[i];
      // A layer begins when its settings are there, and they come behind its biases.
      const bool waits = p.stream == &job_.program.configs && p.at < p.stream->count && biases_there < job_.program.bias_ends[static_cast<std::size_t>(p.at)];
      late_program_[i] = late_program_[i] != 0 && p.at < p.stream->count && !waits ? 1 : 0;
      const bool offered = p.at < p.stream->count && !waits && late_program_[i] == 0;
      p.valid.set(offered ? 1 : 0);
      if (!offered || !p.fresh) continue;
      std::memcpy(p.data.data, &p.stream->data[static_cast<std::size_t>(p.at * p.stream->bytes)], static_cast<std::size_t>(p.stream->bytes));
      p.fresh = false;
    }
  }

  void count_late_program() {
    for (std::size_t i = 0; i < programs_.size(); ++i)
      if (late_program_[i] != 0 && programs_[i].ready.get() != 0) ++job_.stalled;
  }

  void take_program() {
    for (ProgramPort& p : programs_) {
      if (p.valid.get() == 0 || p.ready.get() == 0) continue;
      ++p.at;
      p.fresh = true;
      last_moved_ = cycle_;
    }
  }

  std::vector<std::int32_t> read_words() {
    std::vector<std::int32_t> words(static_cast<std::size_t>(job_.lanes), 0);
    for (std::int64_t l = 0; l < job_.lanes; ++l) {
      if (rd_lanes_.get_lane(l, 1) == 0) continue;
      if (const std::int32_t* word = word_at(rd_addr_, l)) words[static_cast<std::size_t>(l)] = *word;
    }
    return words;
  }

  void write_words() {
    for (std::int64_t l = 0; l < job_.lanes; ++l) {
      if (wr_lanes_.get_lane(l, 1) == 0) continue;
      std::int32_t* const word = word_at(wr_addr_, l);
      if (word == nullptr) continue;
      if (word - memory_.data() == job_.watched_word) job_.watched_cycle = cycle_;
      *word = static_cast<std::int32_t>(wrap(wr_data_.get_lane(l, static_cast<int>(job_.word_bits)), static_cast<int>(job_.word_bits)));
    }
  }

  /// One cycle with an ideal memory; `counts`: of the run.
  void step(bool counts) {
    const bool late_read = random_.chance(job_.stall), late_write = random_.chance(job_.stall), late_answer = random_.chance(job_.stall),
               late_acknowledge = random_.chance(job_.stall);
    offer_program();
    rd_ready_.set(late_read ? 0 : 1);
    wr_ready_.set(late_write ? 0 : 1);
    rr_valid_.set(0);
    (has_device() ? complete_ : wa_valid_).set(0);
    if (has_device()) rq_ready_.set(0);
    bool answered = false, acknowledged = false;
    if (!answers_.empty() && answers_.front().due <= cycle_ && !late_answer) {
      answer();
      answered = true;
    }
    if (!acknowledged_.empty() && acknowledged_.front() <= cycle_ && !late_acknowledge) {
      wa_valid_.set(1);
      acknowledged_.pop_front();
      acknowledged = true;
    }
    clock(false);
    if (counts) note_ends();
    if (counts) count_late_program();
    if (late_read && rd_valid_.get() != 0) ++job_.stalled;
    if (late_write && wr_valid_.get() != 0) ++job_.stalled;
    if (rd_valid_.get() != 0 && !late_read) {
      answers_.push_back({cycle_ + job_.latency_cycles, read_words()});
      if (!answered && answers_.size() == 1 && answers_.front().due <= cycle_ && !late_answer) {
        answer();
        clock(false);
      }
    }
    if (wr_valid_.get() != 0 && !late_write) {
      write_words();
      if (wr_last_.get() != 0) acknowledged_.push_back(cycle_ + job_.latency_cycles);
      if (!acknowledged && acknowledged_.size() == 1 && acknowledged_.front() <= cycle_ && !late_acknowledge) {
        wa_valid_.set(1);
        acknowledged_.pop_front();
        clock(false);
      }
    }
    record();
    take_program();
    if ((rd_valid_.get() != 0 && !late_read) || (wr_valid_.get() != 0 && !late_write) || answered || acknowledged) last_moved_ = cycle_;
    clock(true);
    if (counts) ++cycle_;
  }

  void begin_cycle() override {
    late_read_ = random_.chance(job_.stall);
    late_write_ = random_.chance(job_.stall);
    late_answer_ = random_.chance(job_.stall);
    late_request_ = random_.chance(job_.stall);
    offer_program();
    for (const PortData* port : {&rd_ready_, &wr_ready_, &rr_valid_, &complete_, &rq_ready_}) port->set(0);
    clk_.set(0);
  }

  /// What the RTL asks in this cycle upon what the memory has said so far.
  std::vector<Request> hear(const Tags& released, const Tags& completed) override {
    if (finished()) return {};
    if (!released.empty()) port_free_ = true;
    complete_tags_.insert(complete_tags_.end(), completed.begin(), completed.end());
    tell_completed();
    rq_ready_.set(port_free_ && !late_request_ ? 1 : 0);
    model_.eval();
    auto request = next_request();
    if (!request) return {};
    return {std::move(*request)};
  }

  void tell_completed() {
    // A read is complete when its words are here too.
    std::erase_if(complete_tags_, [&](std::uint64_t tag) {
      const bool waits = transfer_ == static_cast<std::int64_t>(tag) || std::any_of(answers_.begin(), answers_.end(), [&](const Answer& a) { return a.due == static_cast<std::int64_t>(tag); });
      if (!waits) complete_.set_lane(static_cast<std::int64_t>(tag) % tags, 1, 1);
      if (!waits) last_moved_ = cycle_;
      return !waits;
    });
  }

  /// What the RTL asks now.
  std::optional<Request> next_request() {
    const bool reads = rd_valid_.get() != 0, writes = wr_valid_.get() != 0;
    if (transfer_ >= 0 || (!reads && !writes)) return std::nullopt;
    if (!port_free_ || transfers_ == static_cast<std::int64_t>(job_.program.device.size()) || static_cast<std::int64_t>(rq_tag_.get()) != transfers_ % tags) {
      stop(cycle_, "it begins transfer " + std::to_string(transfers_) + " of " + std::to_string(job_.program.device.size()) + " with tag " + std::to_string(rq_tag_.get()) + ": " + where());
      return std::nullopt;
    }
    transfer_ = transfers_++;
    begins_ = true;
    const DeviceTransfer& asked = job_.program.device[static_cast<std::size_t>(transfer_)];
    words_left_ = asked.words;
    return Request{asked.runs, asked.bytes, asked.bytes_per_cycle, writes, static_cast<std::uint64_t>(transfer_), 0};
  }

  /// Words pass the port as fast as the RTL moves them; what they wait for is the request's completion.
  void end_cycle() override {
    // The request that has begun in this cycle has the port.
    if (begins_) port_free_ = false;
    const bool began = begins_;
    begins_ = false;
    const bool reads = rd_valid_.get() != 0, writes = wr_valid_.get() != 0;
    if ((reads && late_read_) || (writes && late_write_)) ++job_.stalled;
    // A request is made with its first words.
    if (transfer_ >= 0 && (reads || writes) && (began || !(reads ? late_read_ : late_write_))) {
      std::int64_t words = 0;
      for (std::int64_t l = 0; l < job_.lanes; ++l) words += (reads ? rd_lanes_ : wr_lanes_).get_lane(l, 1) != 0 ? 1 : 0;
      (reads ? rd_ready_ : wr_ready_).set(1);
      if (reads) answers_.push_back({transfer_, read_words()});
      else write_words();
      words_left_ -= words;
      if (words_left_ <= 0) transfer_ = -1;
      last_moved_ = cycle_;
    }
    if (!answers_.empty() && !late_answer_) {
      answer();
      last_moved_ = cycle_;
    }
    clock(false);
    count_late_program();
    note_ends();
    record();
    take_program();
    clock(true);
    if (began && tells_release_) released_.set(0);
    ++cycle_;
  }

  void note_ends() {
    const Progress here = now();
    if (here != progress_) {
      progress_ = here;
      last_moved_ = cycle_;
    }
    for (; next_end_ < job_.ends.size() && reached(here, job_.program.ends[next_end_]); ++next_end_) job_.ends[next_end_] = cycle_;
  }

  std::size_t counters() const { return transfer_classes * (1 + job_.program.links.size()); }

  std::string where() const {
    std::string text = "work step " + std::to_string(next_end_) + " of " + std::to_string(job_.ends.size()) + "; " + std::to_string(ended_.get()) + " tiles and chunks ended";
    const char* names[] = {"fills of ifmap", "fills of filter", "fills of partial sums", "write-backs"};
    for (std::size_t c = 0; c < counters(); ++c)
      text += ", " + std::to_string(done_.get_lane(static_cast<std::int64_t>(c), 32)) + " " + names[c % transfer_classes] + (c < transfer_classes ? "" : " of link " + std::to_string(c / transfer_classes));
    for (std::size_t i = 0; i < programs_.size(); ++i)
      text += "; " + program_names_[i] + "s given " + std::to_string(programs_[i].at) + " of " + std::to_string(programs_[i].stream->count);
    text += std::string("; read port ") + (rd_valid_.get() != 0 ? "asks" : "idle") + ", write port " + (wr_valid_.get() != 0 ? "asks" : "idle");
    return text;
  }
};

}  // namespace

Expected<void> drive_design(LoadedModel& model, DesignJob& job) { return Driver(model, job, job.memory).run(); }

std::unique_ptr<CoreRtl> make_core_rtl(LoadedModel& model, DesignJob& job, std::vector<std::int32_t>& memory) { return std::make_unique<Driver>(model, job, memory); }

}  // namespace gnomon::hls
