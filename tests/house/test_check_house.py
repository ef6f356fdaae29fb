"""Shows that each check of check_house.py fails on a broken sample and passes on a sound one."""

import pathlib
import tempfile
import unittest

import check_house
import summary


class Sample(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, path, content):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content, encoding="utf-8")

    def finding(self, findings, *words):
        """There is exactly one finding, and it has these words."""
        self.assertEqual(len(findings), 1, findings)
        for word in words:
            self.assertIn(word, findings[0])


class Includes(Sample):
    def check(self, path, include):
        self.write(path, f"// text\n#include {include}\n")
        return check_house.check_includes(self.root)

    def test_arrows_of_the_house_are_allowed(self):
        for path, include in (
            ("arch/src/a.cpp", '"gnomon/workloads/graph.hpp"'),
            ("search/src/agents/a.cpp", '"gnomon/arch/space.hpp"'),
            ("sim/src/analytical/a.cpp", '"gnomon/sim/timing.hpp"'),
            ("sim/src/cycle/a.cpp", "<systemc>"),
            ("sim/src/cycle/a.hpp", '"gnomon/sim/analytical.hpp"'),
            ("sim/include/gnomon/sim/tlm.h", "<tlm.h>"),
            ("surrogate/src/a.cpp", '"gnomon/sim/analytical.hpp"'),
            ("hls/src/cosim/a.cpp", "<systemc>"),
            ("hls/src/a.cpp", '"gnomon/sim/cycle.hpp"'),
            ("cli/src/a.cpp", '"gnomon/hls/cosim.hpp"'),
            ("tests/base/a.cpp", '"gnomon/sim/cycle.hpp"'),
        ):
            with self.subTest(path=path, include=include):
                self.assertEqual(self.check(path, include), [])

    def test_an_arrow_backwards_is_found(self):
        for path, include, other in (
            ("base/src/a.cpp", '"gnomon/arch/space.hpp"', "arch"),
            ("arch/include/gnomon/arch/a.hpp", '"gnomon/search/study.hpp"', "search"),
            ("search/src/a.cpp", '"gnomon/sim/analytical.hpp"', "sim-analytical"),
            ("search/src/a.cpp", '"gnomon/surrogate/model.hpp"', "surrogate"),
            ("surrogate/src/a.cpp", '"gnomon/sim/cycle.hpp"', "sim-cycle"),
            ("sim/src/analytical/a.cpp", '"gnomon/sim/cycle/array.hpp"', "sim-cycle"),
            ("sim/include/gnomon/sim/a.hpp", '"gnomon/sim/tlm.h"', "sim-cycle"),
            ("sim/src/cycle/a.cpp", '"gnomon/hls/cosim.hpp"', "hls"),
        ):
            with self.subTest(path=path, include=include):
                self.finding(self.check(path, include), f"{path}:2", other)
                (self.root / path).unlink()

    def test_systemc_outside_its_rooms_is_found(self):
        for path in ("arch/src/a.cpp", "sim/src/analytical/a.cpp", "sim/include/gnomon/sim/cycle.hpp", "hls/src/emit/a.cpp",
                     "hls/include/gnomon/hls/cosim/a.hpp", "cli/src/a.cpp"):
            for include in ("<systemc>", "<systemc.h>", "<tlm.h>", "<tlm_utils/simple_target_socket.h>"):
                with self.subTest(path=path, include=include):
                    self.finding(self.check(path, include), f"{path}:2", "SystemC")
            (self.root / path).unlink()

    def test_private_headers_stay_in_their_room(self):
        self.write("sim/src/analytical/price.hpp", "")
        self.write("sim/src/cycle/plan.hpp", "")
        self.assertEqual(self.check("sim/src/cycle/a.cpp", '"plan.hpp"'), [])
        self.assertEqual(self.check("sim/src/cycle/a.cpp", '"cycle/plan.hpp"'), [])
        self.finding(self.check("sim/src/cycle/a.cpp", '"../analytical/price.hpp"'), "share no private code")
        self.finding(self.check("sim/src/cycle/a.cpp", '"analytical/price.hpp"'), "share no private code")
        (self.root / "sim/src/cycle/a.cpp").unlink()
        self.finding(self.check("sim/src/analytical/a.cpp", '"cycle/plan.hpp"'), "share no private code")
        (self.root / "sim/src/analytical/a.cpp").unlink()
        self.finding(self.check("hls/src/a.cpp", '"../../sim/src/cycle/plan.hpp"'), "private header of another folder")

    def test_verilator_outside_hls_is_found(self):
        self.finding(self.check("sim/src/cycle/a.cpp", "<verilated.h>"), "Verilator")


class Links(Sample):
    HOUSE = ("base gnomon_base:\narch gnomon_arch:\nsim gnomon_sim_analytical:\nsim gnomon_sim_cycle:\nsim gnomon_systemc:\n"
             "hls gnomon_hls:\nsearch gnomon_search:\n")

    def check(self, line):
        self.write("links.txt", self.HOUSE + line + "\n")
        return check_house.check_links(self.root, self.root / "links.txt")

    def test_arrows_of_the_house_are_allowed(self):
        for line in ("arch gnomon_arch: gnomon::base Boost::headers",
                     "sim gnomon_sim_cycle: gnomon::sim_analytical gnomon::systemc",
                     "search gnomon_search: $<LINK_ONLY:gnomon::arch> SQLite::SQLite3",
                     "hls gnomon_worker: gnomon::hls",
                     "cli gnomon: gnomon::search gnomon::hls CLI11::CLI11"):
            self.assertEqual(self.check(line), [], line)

    def test_an_arrow_backwards_is_found(self):
        self.finding(self.check("search gnomon_search: gnomon::arch gnomon::sim_analytical"), "gnomon_search", "sim_analytical")
        self.finding(self.check("surrogate gnomon_surrogate: gnomon::sim_cycle"), "sim_cycle")
        self.finding(self.check("sim gnomon_sim_analytical: gnomon::systemc"), "systemc")
        self.finding(self.check("base gnomon_base: $<LINK_ONLY:gnomon::arch>"), "gnomon::arch")
        self.finding(self.check("arch gnomon_arch: gnomon_hls"), "gnomon_hls")
        self.finding(self.check("arch gnomon_arch: gnomon::nowhere"), "gnomon::nowhere")


class Text(Sample):
    def check(self, path, content):
        self.write(path, content)
        findings = check_house.check_text(self.root)
        (self.root / path).unlink()
        return findings

    def test_notes_to_self_are_found(self):
        self.finding(self.check("base/a.cpp", "int a;\n// TO" "DO: more\n"), "base/a.cpp:2")
        self.finding(self.check("docs/a.md", "FIX" "ME\n"), "docs/a.md:1")
        self.assertEqual(self.check("base/a.cpp", "// the memory hierarchy's method\n"), [])

    def test_paths_of_one_machine_are_found(self):
        self.finding(self.check("tests/a.py", 'DATA = "/wo' 'rk/data/x.onnx"\n'), "tests/a.py:1")
        self.finding(self.check("docs/a.md", "see /ho" "me/someone/gnomon\n"), "docs/a.md:1")
        self.assertEqual(self.check("docs/a.md", "at /workloads/0/model, /dev/null, ./work/x, https://a.org/work/x\n"), [])

    def test_shells_are_found(self):
        self.finding(self.check("base/a.cpp", 'int a = std::system("ls");\n'), "system()")
        self.finding(self.check("base/a.cpp", '\n\nFILE* f = popen (name, "r");\n'), "base/a.cpp:3", "popen()")
        self.finding(self.check("python/a.py", "import os\nos.system('ls')\n"), "python/a.py:2")
        self.finding(self.check("python/a.py", "run('ls', shell = True)\n"), "shell=True")

    def test_what_only_reads_like_a_shell_is_allowed(self):
        self.assertEqual(self.check("base/a.cpp", '// the system (DRAM)\nint a = memory_system(1) + m.system(2);\nauto s = "system(1)";\n'),
                         [])
        self.assertEqual(self.check("base/a.cpp", "/* a\n system(1) */ char c = '\"'; auto r = R\"(popen(1))\";\n"), [])
        self.assertEqual(self.check("python/a.py", "subprocess.Popen(['ls'])  # never shell=True\n"), [])


class Folders(Sample):
    def test_missing_folders_and_readmes_are_found(self):
        for folder in check_house.REQUIRED_FOLDERS:
            self.write(f"{folder}/README.md", "what it is\n")
        self.assertEqual(check_house.check_folders(self.root), [])
        (self.root / "hls/README.md").unlink()
        self.finding(check_house.check_folders(self.root), "hls", "README.md")
        (self.root / "hls").rmdir()
        self.finding(check_house.check_folders(self.root), "hls", "missing folder")


class Sizes(Sample):
    def test_long_files_are_found(self):
        self.write("base/a.cpp", "int a;\n" * 700)
        self.write("tests/data/a.csv", "1,2\n" * 2000)
        self.assertEqual(check_house.check_sizes(self.root), [])
        self.write("base/a.cpp", "int a;\n" * 701)
        self.finding(check_house.check_sizes(self.root), "base/a.cpp", "701 lines")

    def test_large_files_are_found(self):
        self.write("tests/data/a.csv", "1" * 1_000_001)
        self.finding(check_house.check_sizes(self.root), "tests/data/a.csv", "1000001 bytes")


class Summary(Sample):
    def test_skipped_cases_are_not_counted_as_passed(self):
        self.write("a.json", """{"testsuites": [{"name": "A", "testsuite": [
            {"name": "passes", "result": "COMPLETED"}, {"name": "skips", "result": "SKIPPED"},
            {"name": "fails", "result": "COMPLETED", "failures": [{"failure": "1 != 2"}]},
            {"name": "DISABLED_off", "result": "SUPPRESSED"}]}]}""")
        self.write("b.json", '{"testsuites": [')
        passed, failed, skipped = summary.count(self.root)
        self.assertEqual((passed, skipped), (1, ["A.skips"]))
        self.assertEqual(failed, ["A.fails", "b (its report is not complete)"])


if __name__ == "__main__":
    unittest.main()
