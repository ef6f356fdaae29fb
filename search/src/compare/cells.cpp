#include "compare/cells.hpp"

#include <sqlite3.h>
#include <nlohmann/json.hpp>

#include "gnomon/base/folder_lock.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::search {
namespace {

constexpr const char* schema = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cell (key TEXT PRIMARY KEY, agent TEXT NOT NULL, options TEXT NOT NULL, seed INTEGER NOT NULL, budget INTEGER NOT NULL,
  evaluations INTEGER NOT NULL, feasible INTEGER NOT NULL, failed INTEGER NOT NULL, front TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pace (key TEXT PRIMARY KEY REFERENCES cell(key), suggestion_ms REAL NOT NULL) WITHOUT ROWID;
)sql";
constexpr int schema_version = 1;

std::string front_text(const CompareCell& cell) {
  Json out = Json::array();
  for (const auto& entry : cell.front) {
    Json row = Json::array({entry.evaluation});
    for (const double v : entry.objectives) row.push_back(v);
    out.push_back(std::move(row));
  }
  return out.dump();
}

}  // namespace

struct Cells::Impl {
  std::filesystem::path path;
  FolderLock lock;  // let go after the database is closed
  std::unique_ptr<Database> database;

  template <class F>
  auto guarded(F&& body) -> Expected<decltype(body())> {
    try {
      if constexpr (std::is_void_v<decltype(body())>) {
        body();
        return {};
      } else {
        return body();
      }
    } catch (const std::exception& e) {
      return fail(Error(ErrorKind::run_failed,
                        Problem{path.string(), "", std::string("database: ") + e.what() + "; move it away, or give --fresh"}));
    }
  }
};

Cells::Cells() : impl_(std::make_unique<Impl>()) {}
Cells::Cells(Cells&&) noexcept = default;
Cells& Cells::operator=(Cells&&) noexcept = default;
Cells::~Cells() = default;

Expected<Cells> Cells::open(const std::filesystem::path& folder, const std::string& identity, bool fresh) {
  Cells cells;
  Impl& s = *cells.impl_;
  s.path = folder / "compare.sqlite";
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) return fail(ErrorKind::run_failed, folder.string() + ": cannot be made: " + code.message());
  auto lock = FolderLock::take(folder, "another comparison");
  if (!lock) return fail(std::move(lock.error()));
  s.lock = std::move(*lock);
  if (fresh) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(s.path.string() + suffix, code);
    std::filesystem::remove_all(folder / "runs", code);
  }
  std::string other;
  auto done = s.guarded([&] {
    s.database = std::make_unique<Database>(s.path, Database::Mode::write);
    Database& db = *s.database;
    bool empty = true;
    {
      Statement tables(db, "SELECT count(*) FROM sqlite_master");
      empty = !tables.row() || tables.integer(0) == 0;
    }
    db.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    if (empty) {
      Transaction all(db);
      db.run(schema);
      Statement(db, "INSERT INTO meta VALUES ('campaign', ?)").bind(std::string_view(identity)).done();
      db.run("PRAGMA user_version = " + std::to_string(schema_version));
      all.commit();
      return;
    }
    Statement version(db, "PRAGMA user_version");
    version.row();
    if (version.integer(0) != schema_version) throw SqliteError(SQLITE_MISMATCH, "another schema version");
    Statement stored(db, "SELECT value FROM meta WHERE key = 'campaign'");
    other = stored.row() ? stored.text(0) : std::string("{}");
  });
  if (!done) return fail(std::move(done.error()));
  if (!other.empty() && other != identity) {
    auto before = Document::parse(other, s.path.string());
    if (!before) return fail(std::move(before.error()));
    std::vector<Problem> problems{{folder.string(), "",
                                   "holds a comparison on another campaign; give another --out folder, or --fresh to start again. "
                                   "Differences:"}};
    for (const std::string& line : campaign_differences(before->root(), Json::parse(identity))) problems.push_back({"", "", line});
    return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  }
  return cells;
}

Expected<std::optional<CompareCell>> Cells::find(const std::string& key) const {
  return impl_->guarded([&]() -> std::optional<CompareCell> {
    Statement q(*impl_->database,
                "SELECT evaluations, feasible, failed, front, suggestion_ms FROM cell JOIN pace USING (key) WHERE key = ?");
    q.bind(std::string_view(key));
    if (!q.row()) return {};
    CompareCell cell;
    cell.evaluations = q.integer(0);
    cell.feasible = q.integer(1);
    cell.failed = q.integer(2);
    for (const Json& row : Json::parse(q.text(3))) {
      CompareCell::Entry entry;
      entry.evaluation = row.at(0).get<std::int64_t>();
      for (std::size_t i = 1; i < row.size(); ++i) entry.objectives.push_back(row[i].get<double>());
      cell.front.push_back(std::move(entry));
    }
    cell.suggestion_ms = q.real(4);
    return cell;
  });
}

Expected<void> Cells::add(const std::string& key, const std::string& agent, const std::string& options, std::int64_t budget,
                          const CompareCell& cell) {
  return impl_->guarded([&] {
    Database& db = *impl_->database;
    Transaction all(db);
    Statement(db, "INSERT OR REPLACE INTO cell VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(std::string_view(key))
        .bind(std::string_view(agent))
        .bind(std::string_view(options))
        .bind(static_cast<std::int64_t>(cell.seed))
        .bind(budget)
        .bind(cell.evaluations)
        .bind(cell.feasible)
        .bind(cell.failed)
        .bind(std::string_view(front_text(cell)))
        .done();
    Statement(db, "INSERT OR REPLACE INTO pace VALUES (?, ?)").bind(std::string_view(key)).bind(cell.suggestion_ms).done();
    all.commit();
  });
}

}  // namespace gnomon::search
