#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace gnomon::search {

/// What SQLite said; caught at the store's edge and turned into an Error.
struct SqliteError : std::runtime_error {
  SqliteError(int code_, const std::string& what) : std::runtime_error(what), code(code_) {}
  int code;
};

class Database {
 public:
  enum class Mode { read, read_at_rest, write, memory };
  Database(const std::filesystem::path& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  void run(const std::string& sql);
  sqlite3* handle() const { return handle_; }
  std::int64_t last_id() const;

 private:
  sqlite3* handle_ = nullptr;
};

/// A prepared statement. `bind` in order from 1, `row` steps; `reset` makes it ready again.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value);
  Statement& bind(double value);  ///< a non-finite value is kept as its text
  Statement& bind(std::string_view value);
  Statement& bind_null();
  Statement& bind(const std::optional<double>& value) { return value ? bind(*value) : bind_null(); }
  /// True while there is a row.
  bool row();
  /// Runs a statement without rows and makes it ready again.
  void done();
  void reset();

  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool null(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
  int next_ = 1;
};

/// Begins a write transaction; rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.run("BEGIN IMMEDIATE"); }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace gnomon::search
