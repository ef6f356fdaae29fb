#include "store/sqlite.hpp"

#include <sqlite3.h>
#include <cctype>
#include <cmath>
#include <cstring>

#include "gnomon/base/text.hpp"

namespace gnomon::search {
namespace {

void check(int code, sqlite3* handle) {
  if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) {
    throw SqliteError(code, handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
  }
}

/// The path as a URI: everything but letters, digits and a few signs as %XX.
std::string uri(const std::filesystem::path& path) {
  std::string out = "file:";
  for (const char c : path.string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::strchr("/._-", c) != nullptr) {
      out += c;
    } else {
      constexpr const char* digits = "0123456789ABCDEF";
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

}  // namespace

Database::Database(const std::filesystem::path& path, Mode mode) {
  const int flags = mode == Mode::write || mode == Mode::memory ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const std::string name = mode == Mode::memory         ? ":memory:"
                           : mode == Mode::read_at_rest ? uri(path) + "?immutable=1"
                                                        : uri(path);
  const int code = sqlite3_open_v2(name.c_str(), &handle_, flags | SQLITE_OPEN_URI, nullptr);
  if (code != SQLITE_OK) {
    const std::string message = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    sqlite3_close(handle_);
    throw SqliteError(code, message);
  }
  sqlite3_busy_timeout(handle_, 10000);
}

Database::~Database() {
  sqlite3_close_v2(handle_);
}

void Database::run(const std::string& sql) {
  check(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr), handle_);
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  check(sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &handle_, nullptr), database.handle());
}
Statement::~Statement() {
  sqlite3_finalize(handle_);
}

Statement& Statement::bind(std::int64_t value) {
  check(sqlite3_bind_int64(handle_, next_++, value), database_.handle());
  return *this;
}
Statement& Statement::bind(double value) {
  if (!std::isfinite(value)) return bind(std::string_view(number(value)));
  check(sqlite3_bind_double(handle_, next_++, value), database_.handle());
  return *this;
}
Statement& Statement::bind(std::string_view value) {
  check(sqlite3_bind_text(handle_, next_++, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT), database_.handle());
  return *this;
}
Statement& Statement::bind_null() {
  check(sqlite3_bind_null(handle_, next_++), database_.handle());
  return *this;
}
bool Statement::row() {
  const int code = sqlite3_step(handle_);
  check(code, database_.handle());
  return code == SQLITE_ROW;
}
void Statement::done() {
  row();
  reset();
}
void Statement::reset() {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
  next_ = 1;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_, column);
}
double Statement::real(int column) const {
  if (sqlite3_column_type(handle_, column) == SQLITE_TEXT) {
    const std::string word = text(column);
    return word == "inf" ? HUGE_VAL : word == "-inf" ? -HUGE_VAL : std::nan("");
  }
  return sqlite3_column_double(handle_, column);
}
std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))) : std::string();
}
bool Statement::null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

Transaction::~Transaction() {
  if (!open_) return;
  sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}
void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace gnomon::search
