#include "gnomon/search/store.hpp"

#include <sqlite3.h>
#include <chrono>

#include "gnomon/base/folder_lock.hpp"
#include "gnomon/base/text.hpp"
#include "store/sqlite.hpp"

namespace gnomon::search {
namespace {

/// Results and times are kept apart: everything from `meta` to `progress` follows from the campaign, `attempt` and `session` do
/// not.
constexpr const char* schema = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE campaign (id INTEGER PRIMARY KEY CHECK (id = 1), resolved TEXT NOT NULL, hash TEXT NOT NULL, seed TEXT NOT NULL);
CREATE TABLE trial (number INTEGER PRIMARY KEY, batch INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
  seed TEXT NOT NULL, params TEXT NOT NULL UNIQUE, fidelity TEXT, feasible INTEGER, error TEXT);
CREATE TABLE evaluation (trial INTEGER NOT NULL REFERENCES trial(number), fidelity TEXT NOT NULL, position INTEGER NOT NULL,
  failed INTEGER NOT NULL, error TEXT, in_range INTEGER NOT NULL, PRIMARY KEY (trial, fidelity)) WITHOUT ROWID;
CREATE TABLE metric (trial INTEGER NOT NULL, fidelity TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, value REAL,
  PRIMARY KEY (trial, fidelity, position)) WITHOUT ROWID;
CREATE TABLE interval (trial INTEGER NOT NULL, fidelity TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, lower REAL, upper REAL,
  PRIMARY KEY (trial, fidelity, position)) WITHOUT ROWID;
CREATE TABLE violation (trial INTEGER NOT NULL REFERENCES trial(number), position INTEGER NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (trial, position)) WITHOUT ROWID;
CREATE TABLE layer (trial INTEGER NOT NULL, fidelity TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, op TEXT NOT NULL,
  macs INTEGER NOT NULL, latency_cycles INTEGER NOT NULL, compute_cycles INTEGER NOT NULL, stall_cycles INTEGER NOT NULL, utilization REAL,
  dram_read_bytes INTEGER NOT NULL, dram_write_bytes INTEGER NOT NULL, sram_read_bytes INTEGER NOT NULL, sram_write_bytes INTEGER NOT NULL,
  energy_pj REAL, PRIMARY KEY (trial, fidelity, position)) WITHOUT ROWID;
CREATE TABLE energy (trial INTEGER NOT NULL, fidelity TEXT NOT NULL, position INTEGER NOT NULL, component TEXT NOT NULL, energy_pj REAL,
  PRIMARY KEY (trial, fidelity, position)) WITHOUT ROWID;
CREATE TABLE waiting (trial INTEGER NOT NULL, fidelity TEXT NOT NULL, position INTEGER NOT NULL, who TEXT NOT NULL, whom TEXT NOT NULL,
  cycles INTEGER NOT NULL, PRIMARY KEY (trial, fidelity, position)) WITHOUT ROWID;
CREATE TABLE progress (trial INTEGER PRIMARY KEY, evaluations INTEGER NOT NULL, hypervolume REAL, best REAL, front_size INTEGER NOT NULL);
CREATE TABLE attempt (id INTEGER PRIMARY KEY, trial INTEGER NOT NULL, fidelity TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL,
  ended REAL, outcome TEXT);
CREATE TABLE session (id INTEGER PRIMARY KEY, seconds REAL NOT NULL, pid INTEGER NOT NULL, asked INTEGER NOT NULL DEFAULT 0,
  ask_cpu_s REAL NOT NULL DEFAULT 0);
CREATE TABLE cosim (id INTEGER PRIMARY KEY, trial INTEGER NOT NULL REFERENCES trial(number), result TEXT NOT NULL);
)sql";

std::string triggers() {
  std::string out;
  const auto refuse = [&](const std::string& table, const std::string& event, const std::string& row, const std::string& key) {
    const std::string number = table == "trial" ? row + ".number" : row + ".trial";
    const std::string when = table == "trial" && event == "UPDATE"
                                 ? row + ".state IN ('done', 'failed')"
                                 : "(SELECT state FROM trial WHERE number = " + number + ") IN ('done', 'failed')";
    out += "CREATE TRIGGER " + table + "_" + key + " BEFORE " + event + " ON " + table + " WHEN " + when +
           " BEGIN SELECT RAISE(ABORT, 'finished trials are immutable'); END;\n";
  };
  refuse("trial", "UPDATE", "OLD", "fixed");
  refuse("trial", "DELETE", "OLD", "kept");
  for (const char* table : {"evaluation", "metric", "interval", "violation", "layer", "energy"}) {
    refuse(table, "INSERT", "NEW", "closed");
    refuse(table, "UPDATE", "OLD", "fixed");
    refuse(table, "DELETE", "OLD", "kept");
  }
  return out;
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t i64(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::filesystem::path store_path(const std::filesystem::path& folder) {
  return folder / "campaign.sqlite";
}

const StoredEvaluation* StoredTrial::at(const std::string& name) const {
  for (const StoredEvaluation& e : evaluations) {
    if (e.fidelity == name) return &e;
  }
  return nullptr;
}

struct Store::Impl {
  std::filesystem::path path;
  FolderLock lock;  // let go after the database is closed
  std::unique_ptr<Database> database;
  std::int64_t session = 0;

  Error error(const SqliteError& e) const {
    if (e.code == SQLITE_CORRUPT || e.code == SQLITE_NOTADB) {
      return Error(ErrorKind::run_failed,
                   Problem{path.string(), "",
                           std::string("the database is damaged (") + e.what() + "); move it away, or start again with --fresh"});
    }
    return Error(ErrorKind::run_failed, Problem{path.string(), "", std::string("database: ") + e.what()});
  }

  template <class F>
  auto guarded(F&& body) -> Expected<decltype(body())> {
    try {
      if constexpr (std::is_void_v<decltype(body())>) {
        body();
        return {};
      } else {
        return body();
      }
    } catch (const SqliteError& e) {
      return fail(error(e));
    } catch (const std::exception& e) {
      // A number or a key that this program would not have written.
      return fail(error(SqliteError(SQLITE_CORRUPT, e.what())));
    }
  }

  void check_schema() {
    // Truncated and overwritten pages show here rather than somewhere in the middle of a run.
    Statement quick(*database, "PRAGMA quick_check(1)");
    if (!quick.row() || quick.text(0) != "ok") throw SqliteError(SQLITE_CORRUPT, quick.text(0));
    Statement version(*database, "PRAGMA user_version");
    version.row();
    if (version.integer(0) != schema_version) {
      throw SqliteError(SQLITE_MISMATCH, "schema version " + std::to_string(version.integer(0)) +
                                             "; this program reads version " + std::to_string(schema_version) +
                                             "; move the file away, or start again with --fresh");
    }
  }

  void end_trial(const TrialEnd& end) {
    for (std::size_t i = 0; i < end.violations.size(); ++i) {
      Statement(*database, "INSERT INTO violation VALUES (?, ?, ?)")
          .bind(i64(end.number))
          .bind(i64(i))
          .bind(end.violations[i])
          .done();
    }
    Statement update(*database, "UPDATE trial SET state = ?, fidelity = ?, feasible = ?, error = ? WHERE number = ?");
    update.bind(std::string_view(end.failed ? "failed" : "done"))
        .bind(std::string_view(end.fidelity))
        .bind(std::int64_t{end.feasible});
    if (end.error.empty())
      update.bind_null();
    else
      update.bind(std::string_view(end.error));
    update.bind(i64(end.number)).done();
  }
};

Store::Store() : impl_(std::make_unique<Impl>()) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Expected<Store> Store::open(const std::filesystem::path& folder, bool fresh) {
  Store store;
  Impl& s = *store.impl_;
  s.path = store_path(folder);
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) return fail(ErrorKind::run_failed, folder.string() + ": cannot be made: " + code.message());
  auto lock = FolderLock::take(folder, "another run");
  if (!lock) return fail(std::move(lock.error()));
  s.lock = std::move(*lock);
  if (fresh) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(s.path.string() + suffix, code);
  }
  auto done = s.guarded([&] {
    s.database = std::make_unique<Database>(s.path, Database::Mode::write);
    Database& db = *s.database;
    bool empty = true;
    {
      Statement tables(db, "SELECT count(*) FROM sqlite_master");
      empty = !tables.row() || tables.integer(0) == 0;
    }
    db.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    if (empty) {
      Transaction all(db);
      db.run(schema);
      db.run(triggers());
      db.run("PRAGMA user_version = " + std::to_string(schema_version));
      all.commit();
    } else {
      s.check_schema();
      Transaction all(db);
      db.run("UPDATE attempt SET outcome = 'lost' WHERE ended IS NULL AND outcome IS NULL");
      db.run("UPDATE trial SET state = 'queued' WHERE state = 'running'");
      all.commit();
    }
    Statement(db, "INSERT INTO session (seconds, pid) VALUES (0, ?)").bind(std::int64_t{::getpid()}).done();
    s.session = db.last_id();
  });
  if (!done) return fail(std::move(done.error()));
  return store;
}

Expected<Store> Store::in_memory() {
  Store store;
  Impl& s = *store.impl_;
  s.path = "campaign in memory";
  auto done = s.guarded([&] {
    s.database = std::make_unique<Database>("", Database::Mode::memory);
    s.database->run(schema);
    s.database->run(triggers());
    Statement(*s.database, "INSERT INTO session (seconds, pid) VALUES (0, ?)").bind(std::int64_t{::getpid()}).done();
    s.session = s.database->last_id();
  });
  if (!done) return fail(std::move(done.error()));
  return store;
}

Expected<Store> Store::open_read(const std::filesystem::path& folder) {
  Store store;
  Impl& s = *store.impl_;
  s.path = store_path(folder);
  if (!std::filesystem::exists(s.path))
    return invalid(s.path.string(), "", "no such file; a campaign's folder holds campaign.sqlite");
  auto done = s.guarded([&] {
    // Without a log beside it nobody is writing, and the file can be read as it is, leaving nothing behind.
    const bool at_rest = !std::filesystem::exists(s.path.string() + "-wal");
    s.database = std::make_unique<Database>(s.path, at_rest ? Database::Mode::read_at_rest : Database::Mode::read);
    s.check_schema();
  });
  if (!done) return fail(std::move(done.error()));
  return store;
}

Expected<std::optional<std::string>> Store::campaign() const {
  return impl_->guarded([&]() -> std::optional<std::string> {
    Statement q(*impl_->database, "SELECT resolved FROM campaign WHERE id = 1");
    if (!q.row()) return {};
    return q.text(0);
  });
}

Expected<void> Store::set_campaign(const std::string& resolved, const std::string& hash, std::uint64_t seed) {
  return impl_->guarded([&] {
    Statement(*impl_->database, "INSERT OR REPLACE INTO campaign VALUES (1, ?, ?, ?)")
        .bind(std::string_view(resolved))
        .bind(std::string_view(hash))
        .bind(std::string_view(std::to_string(seed)))
        .done();
  });
}

Expected<std::optional<std::string>> Store::meta(const std::string& key) const {
  return impl_->guarded([&]() -> std::optional<std::string> {
    Statement q(*impl_->database, "SELECT value FROM meta WHERE key = ?");
    q.bind(std::string_view(key));
    if (!q.row()) return {};
    return q.text(0);
  });
}

Expected<void> Store::set_meta(const std::string& key, const std::string& value) {
  return impl_->guarded([&] {
    Statement(*impl_->database, "INSERT OR REPLACE INTO meta VALUES (?, ?)")
        .bind(std::string_view(key))
        .bind(std::string_view(value))
        .done();
  });
}

Expected<void> Store::add_batch(std::uint64_t batch, const std::vector<NewTrial>& trials) {
  return impl_->guarded([&] {
    Transaction all(*impl_->database);
    Statement insert(*impl_->database, "INSERT INTO trial (number, batch, state, seed, params) VALUES (?, ?, 'queued', ?, ?)");
    for (const NewTrial& t : trials) {
      insert.bind(i64(t.number))
          .bind(i64(batch))
          .bind(std::string_view(std::to_string(t.seed)))
          .bind(std::string_view(t.params_json))
          .done();
    }
    all.commit();
  });
}

Expected<std::int64_t> Store::start_attempt(std::uint64_t trial, const std::string& fidelity, std::int64_t pid) {
  return impl_->guarded([&] {
    Database& db = *impl_->database;
    Transaction all(db);
    Statement(db, "INSERT INTO attempt (trial, fidelity, pid, started) VALUES (?, ?, ?, ?)")
        .bind(i64(trial))
        .bind(std::string_view(fidelity))
        .bind(pid)
        .bind(now_s())
        .done();
    const std::int64_t id = db.last_id();
    Statement(db, "UPDATE trial SET state = 'running' WHERE number = ? AND state = 'queued'").bind(i64(trial)).done();
    all.commit();
    return id;
  });
}

Expected<void> Store::finish_evaluation(std::uint64_t trial, const std::string& fidelity,
                                        const Expected<arch::Evaluation>& result, std::int64_t attempt,
                                        const std::optional<TrialEnd>& end) {
  return impl_->guarded([&] {
    Database& db = *impl_->database;
    const std::string_view name(fidelity);
    Transaction all(db);
    Statement head(db, "INSERT INTO evaluation SELECT ?1, ?2, (SELECT count(*) FROM evaluation WHERE trial = ?1), ?3, ?4, ?5");
    head.bind(i64(trial)).bind(name).bind(std::int64_t{!result});
    if (result)
      head.bind_null();
    else
      head.bind(std::string_view(result.error().text()));
    head.bind(std::int64_t{result ? result->in_range : true}).done();
    if (result) {
      Statement metric(db, "INSERT INTO metric VALUES (?, ?, ?, ?, ?)");
      std::int64_t at = 0;
      for (const arch::Metric& m : result->metrics)
        metric.bind(i64(trial)).bind(name).bind(at++).bind(std::string_view(m.name)).bind(m.value).done();
      Statement interval(db, "INSERT INTO interval VALUES (?, ?, ?, ?, ?, ?)");
      at = 0;
      for (const auto& i : result->intervals) {
        interval.bind(i64(trial)).bind(name).bind(at++).bind(std::string_view(i.name)).bind(i.lower).bind(i.upper).done();
      }
      Statement layer(db, "INSERT INTO layer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
      at = 0;
      for (const arch::LayerMetrics& l : result->layers) {
        layer.bind(i64(trial))
            .bind(name)
            .bind(at++)
            .bind(std::string_view(l.name))
            .bind(std::string_view(l.op))
            .bind(l.macs)
            .bind(l.latency_cycles)
            .bind(l.compute_cycles)
            .bind(l.stall_cycles)
            .bind(l.utilization)
            .bind(l.dram_read_bytes)
            .bind(l.dram_write_bytes)
            .bind(l.sram_read_bytes)
            .bind(l.sram_write_bytes)
            .bind(l.energy_pj)
            .done();
      }
      Statement energy(db, "INSERT INTO energy VALUES (?, ?, ?, ?, ?)");
      at = 0;
      for (const auto& [component, pj] : result->energy_breakdown_pj) {
        energy.bind(i64(trial)).bind(name).bind(at++).bind(std::string_view(component)).bind(pj).done();
      }
      Statement waiting(db, "INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?)");
      at = 0;
      for (const auto& w : result->waiting) {
        waiting.bind(i64(trial)).bind(name).bind(at++).bind(std::string_view(w.who)).bind(std::string_view(w.whom)).bind(w.cycles).done();
      }
    }
    Statement(db, "UPDATE attempt SET ended = ?, outcome = ? WHERE id = ?")
        .bind(now_s())
        .bind(std::string_view(result ? "done" : "failed"))
        .bind(attempt)
        .done();
    if (end)
      impl_->end_trial(*end);
    else
      Statement(db, "UPDATE trial SET state = 'queued' WHERE number = ? AND state = 'running'").bind(i64(trial)).done();
    all.commit();
  });
}

Expected<void> Store::finish_trials(const std::vector<TrialEnd>& ends) {
  if (ends.empty()) return {};
  return impl_->guarded([&] {
    Transaction all(*impl_->database);
    for (const TrialEnd& end : ends) impl_->end_trial(end);
    all.commit();
  });
}

Expected<void> Store::add_progress(const std::vector<ProgressRow>& rows) {
  return impl_->guarded([&] {
    Transaction all(*impl_->database);
    Statement insert(*impl_->database, "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?)");
    for (const ProgressRow& r : rows)
      insert.bind(i64(r.trial)).bind(r.evaluations).bind(r.hypervolume).bind(r.best).bind(r.front_size).done();
    all.commit();
  });
}

Expected<void> Store::add_session_seconds(double seconds) {
  return impl_->guarded([&] {
    Statement(*impl_->database, "UPDATE session SET seconds = seconds + ? WHERE id = ?")
        .bind(seconds)
        .bind(impl_->session)
        .done();
  });
}

Expected<void> Store::add_asked(std::int64_t trials, double cpu_s) {
  return impl_->guarded([&] {
    Statement(*impl_->database, "UPDATE session SET asked = asked + ?, ask_cpu_s = ask_cpu_s + ? WHERE id = ?")
        .bind(trials)
        .bind(cpu_s)
        .bind(impl_->session)
        .done();
  });
}

Expected<Suggestions> Store::suggestions() const {
  return impl_->guarded([&] {
    Statement q(*impl_->database, "SELECT coalesce(sum(asked), 0), coalesce(sum(ask_cpu_s), 0.0) FROM session");
    q.row();
    return Suggestions{q.integer(0), q.real(1)};
  });
}

Expected<double> Store::session_seconds() const {
  return impl_->guarded([&] {
    Statement q(*impl_->database, "SELECT coalesce(sum(seconds), 0.0) FROM session");
    q.row();
    return q.real(0);
  });
}

Expected<std::vector<StoredTrial>> Store::trials() const {
  return impl_->guarded([&] {
    Database& db = *impl_->database;
    std::vector<StoredTrial> out;
    std::map<std::uint64_t, std::size_t> place;
    Statement trial(db, "SELECT number, batch, state, seed, params, fidelity, feasible, error FROM trial ORDER BY number");
    while (trial.row()) {
      StoredTrial t;
      t.number = static_cast<std::uint64_t>(trial.integer(0));
      t.batch = static_cast<std::uint64_t>(trial.integer(1));
      t.state = trial.text(2);
      t.seed = std::stoull(trial.text(3));
      t.params_json = trial.text(4);
      t.fidelity = trial.text(5);
      t.feasible = trial.integer(6) != 0;
      t.error = trial.text(7);
      place[t.number] = out.size();
      out.push_back(std::move(t));
    }
    Statement evaluation(db, "SELECT trial, fidelity, failed, error, in_range FROM evaluation ORDER BY trial, position");
    while (evaluation.row()) {
      StoredEvaluation e;
      e.fidelity = evaluation.text(1);
      e.failed = evaluation.integer(2) != 0;
      e.error = evaluation.text(3);
      e.in_range = evaluation.integer(4) != 0;
      out[place.at(static_cast<std::uint64_t>(evaluation.integer(0)))].evaluations.push_back(std::move(e));
    }
    const auto in = [&](std::int64_t number, const std::string& fidelity) -> StoredEvaluation& {
      for (StoredEvaluation& e : out[place.at(static_cast<std::uint64_t>(number))].evaluations) {
        if (e.fidelity == fidelity) return e;
      }
      throw SqliteError(SQLITE_CORRUPT, "a metric without its evaluation");
    };
    Statement metric(db, "SELECT trial, fidelity, name, value FROM metric ORDER BY trial, fidelity, position");
    while (metric.row()) in(metric.integer(0), metric.text(1)).metrics.push_back({metric.text(2), metric.real(3)});
    Statement interval(db, "SELECT trial, fidelity, name, lower, upper FROM interval ORDER BY trial, fidelity, position");
    while (interval.row())
      in(interval.integer(0), interval.text(1)).intervals.push_back({interval.text(2), interval.real(3), interval.real(4)});
    Statement violation(db, "SELECT trial, value FROM violation ORDER BY trial, position");
    while (violation.row())
      out[place.at(static_cast<std::uint64_t>(violation.integer(0)))].violations.push_back(violation.real(1));
    return out;
  });
}

Expected<std::vector<ProgressRow>> Store::progress() const {
  return impl_->guarded([&] {
    std::vector<ProgressRow> out;
    Statement q(*impl_->database, "SELECT trial, evaluations, hypervolume, best, front_size FROM progress ORDER BY trial");
    while (q.row()) {
      ProgressRow r{static_cast<std::uint64_t>(q.integer(0)), q.integer(1), {}, {}, q.integer(4)};
      if (!q.null(2)) r.hypervolume = q.real(2);
      if (!q.null(3)) r.best = q.real(3);
      out.push_back(r);
    }
    return out;
  });
}

Expected<std::vector<arch::LayerMetrics>> Store::layers(std::uint64_t trial, const std::string& fidelity) const {
  return impl_->guarded([&] {
    std::vector<arch::LayerMetrics> out;
    Statement q(*impl_->database,
                "SELECT name, op, macs, latency_cycles, compute_cycles, stall_cycles, utilization, dram_read_bytes, "
                "dram_write_bytes, sram_read_bytes, "
                "sram_write_bytes, energy_pj FROM layer WHERE trial = ? AND fidelity = ? ORDER BY position");
    q.bind(i64(trial)).bind(std::string_view(fidelity));
    while (q.row()) {
      arch::LayerMetrics l;
      l.name = q.text(0);
      l.op = q.text(1);
      l.macs = q.integer(2);
      l.latency_cycles = q.integer(3);
      l.compute_cycles = q.integer(4);
      l.stall_cycles = q.integer(5);
      l.utilization = q.real(6);
      l.dram_read_bytes = q.integer(7);
      l.dram_write_bytes = q.integer(8);
      l.sram_read_bytes = q.integer(9);
      l.sram_write_bytes = q.integer(10);
      l.energy_pj = q.real(11);
      out.push_back(std::move(l));
    }
    return out;
  });
}

Expected<std::vector<std::pair<std::string, double>>> Store::energy_breakdown(std::uint64_t trial,
                                                                              const std::string& fidelity) const {
  return impl_->guarded([&] {
    std::vector<std::pair<std::string, double>> out;
    Statement q(*impl_->database, "SELECT component, energy_pj FROM energy WHERE trial = ? AND fidelity = ? ORDER BY position");
    q.bind(i64(trial)).bind(std::string_view(fidelity));
    while (q.row()) out.emplace_back(q.text(0), q.real(1));
    return out;
  });
}

Expected<std::vector<arch::Evaluation::Waiting>> Store::waiting(std::uint64_t trial, const std::string& fidelity) const {
  return impl_->guarded([&] {
    std::vector<arch::Evaluation::Waiting> out;
    Statement q(*impl_->database, "SELECT who, whom, cycles FROM waiting WHERE trial = ? AND fidelity = ? ORDER BY position");
    q.bind(i64(trial)).bind(std::string_view(fidelity));
    while (q.row()) out.push_back({q.text(0), q.text(1), q.integer(2)});
    return out;
  });
}

Expected<void> Store::add_cosim(std::uint64_t trial, const std::string& result_json) {
  return impl_->guarded([&] {
    Transaction all(*impl_->database);
    std::string twin = "DELETE FROM cosim WHERE trial = ?1 AND json_extract(?2, '$.kind') IS NOT NULL";
    for (const char* key : {"kind", "workload", "layer", "stall", "seed"}) twin += std::string(" AND json_extract(result, '$.") + key + "') IS json_extract(?2, '$." + key + "')";
    Statement(*impl_->database, twin.c_str()).bind(i64(trial)).bind(std::string_view(result_json)).done();
    Statement(*impl_->database, "INSERT INTO cosim (trial, result) VALUES (?, ?)")
        .bind(i64(trial))
        .bind(std::string_view(result_json))
        .done();
    all.commit();
  });
}

Expected<std::vector<std::pair<std::uint64_t, std::string>>> Store::cosims() const {
  return impl_->guarded([&] {
    std::vector<std::pair<std::uint64_t, std::string>> out;
    Statement q(*impl_->database, "SELECT trial, result FROM cosim ORDER BY id");
    while (q.row()) out.emplace_back(static_cast<std::uint64_t>(q.integer(0)), q.text(1));
    return out;
  });
}

}  // namespace gnomon::search
