#include "ir/names.hpp"

#include <algorithm>
#include <set>

#include "gnomon/base/text.hpp"

namespace gnomon::hls {

std::string name_problem(const std::string& name) {
  // Words of IEEE 1800-2012 and of C++17 that are identifiers by form. Emitters put prefixes before names, but logs, ports and
  // file names show them bare, and a vendor's tool may not know our prefixes.
  static const std::set<std::string> reserved{
      "accept_on", "alias", "alignas", "alignof", "always", "always_comb", "always_ff", "always_latch", "and", "asm", "assert", "assign", "assume",
      "auto", "begin", "bind", "bins", "binsof", "bit", "bitand", "bitor", "bool", "break", "buf", "bufif0", "bufif1", "byte", "case",
      "casex", "casez", "catch", "cell", "chandle", "char", "checker", "class", "clocking", "cmos", "compl", "config", "const", "const_cast",
      "constexpr", "constraint", "context", "continue", "cover", "covergroup", "coverpoint", "cross", "deassign", "decltype", "default", "defparam",
      "delete", "design", "disable", "dist", "do", "double", "dynamic_cast", "edge", "else", "end", "endcase", "endchecker", "endclass",
      "endclocking", "endconfig", "endfunction", "endgenerate", "endgroup", "endinterface", "endmodule", "endpackage", "endprimitive",
      "endprogram", "endproperty", "endsequence", "endspecify", "endtable", "endtask", "enum", "event", "eventually", "expect", "explicit",
      "export", "extends", "extern", "false", "final", "first_match", "float", "for", "force", "foreach", "forever", "fork", "forkjoin", "friend",
      "function", "generate", "genvar", "global", "goto", "highz0", "highz1", "if", "iff", "ifnone", "ignore_bins", "illegal_bins", "implements",
      "implies", "import", "incdir", "include", "initial", "inline", "inout", "input", "inside", "instance", "int", "integer", "interconnect",
      "interface", "intersect", "join", "join_any", "join_none", "large", "let", "liblist", "library", "local", "localparam", "logic", "long",
      "longint", "macromodule", "matches", "medium", "modport", "module", "mutable", "namespace", "nand", "negedge", "nettype", "new", "nexttime",
      "nmos", "noexcept", "nor", "noshowcancelled", "not", "not_eq", "notif0", "notif1", "null", "nullptr", "operator", "or", "or_eq", "output",
      "package", "packed", "parameter", "pmos", "posedge", "primitive", "priority", "private", "program", "property", "protected", "public",
      "pull0", "pull1", "pulldown", "pullup", "pulsestyle_ondetect", "pulsestyle_onevent", "pure", "rand", "randc", "randcase", "randsequence",
      "rcmos", "real", "realtime", "ref", "reg", "register", "reinterpret_cast", "reject_on", "release", "repeat", "restrict", "return", "rnmos",
      "rpmos", "rtran", "rtranif0", "rtranif1", "s_always", "s_eventually", "s_nexttime", "s_until", "s_until_with", "scalared", "sequence",
      "short", "shortint", "shortreal", "showcancelled", "signed", "sizeof", "small", "soft", "solve", "specify", "specparam", "static",
      "static_assert", "static_cast", "string", "strong", "strong0", "strong1", "struct", "super", "supply0", "supply1", "switch", "sync_accept_on",
      "sync_reject_on", "table", "tagged", "task", "template", "this", "thread_local", "throughout", "throw", "time", "timeprecision", "timeunit",
      "tran", "tranif0", "tranif1", "tri", "tri0", "tri1", "triand", "trior", "trireg", "true", "try", "type", "typedef", "typeid", "typename",
      "union", "unique", "unique0", "unsigned", "until", "until_with", "untyped", "use", "using", "uwire", "var", "vectored", "virtual", "void",
      "volatile", "wait", "wait_order", "wand", "wchar_t", "weak", "weak0", "weak1", "while", "wildcard", "wire", "with", "within", "wor", "xnor",
      "xor", "xor_eq"};
  // What the emitted C++ and its headers (the vendor's, or the stand-ins) define: types, namespaces and macros.
  static const std::set<std::string> defined{"hls", "std", "NULL", "EOF", "BUFSIZ", "RAND_MAX", "TMP_MAX", "FILENAME_MAX", "FOPEN_MAX", "L_tmpnam", "MB_CUR_MAX", "EXIT_SUCCESS", "EXIT_FAILURE",
                                             "SEEK_SET", "SEEK_CUR", "SEEK_END", "errno", "stdin", "stdout", "stderr", "linux", "unix"};
  const auto is = [](char c, const char* more) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (*more != 0 && c >= '0' && c <= '9');
  };
  const bool form = !name.empty() && name.size() <= 64 && is(name.front(), "") && std::all_of(name.begin(), name.end(), [&](char c) { return is(c, "0"); });
  if (!form) return in_quotes(name) + " is not a name; letters, digits and _ are allowed, not beginning with a digit, at most 64";
  if (reserved.count(name) > 0) return in_quotes(name) + " is not a name: it is a word of SystemVerilog or C++";
  const bool limit = name.find("INT") <= 1 && (name.ends_with("_MAX") || name.ends_with("_MIN") || name.ends_with("_C") || name.ends_with("_WIDTH"));
  const bool kept = name.starts_with("__") || (name.front() == '_' && name.size() > 1 && name[1] >= 'A' && name[1] <= 'Z');
  if (defined.count(name) > 0 || limit || kept || name.starts_with("ap_") || name.starts_with("AP_") || name.starts_with("gnomon_"))
    return in_quotes(name) + " is not a name: the emitted C++ and its headers have it (ap_..., AP_..., gnomon_..., hls, std, __..., macros of C) for something else";
  return "";
}

}  // namespace gnomon::hls
