#!/bin/sh
# Makes the shipped models (README.md here) from labels. Run in the repository's root: surrogate/models/make.sh [GNOMON]
#
# The label table is kept; a table that is there is not made again. Making it takes hours. The tables of operators (some minutes) and of parts (ten minutes each) are not kept.
set -e
gnomon=${1:-gnomon}
labels=surrogate/data
[ -e $labels/layers.csv.gz ] || $gnomon dataset layers --out $labels/layers.csv.gz --count 3000 --conv 400 --exemplars --cosim 0.05 --seed 1 --flat 200
small='{"members": 3, "hidden": [48, 48], "activation": "silu", "max_epochs": 120}'

# an operator on an accelerator
wide='{"members": 5, "hidden": [96, 96], "activation": "silu", "max_epochs": 400}'
operators=$(mktemp --suffix .csv)
$gnomon dataset operators --out "$operators" --count 5000 --seed 1
$gnomon surrogate train --data "$operators" --targets latency_cycles,energy_pj --ignore layer --group design --family ensemble --learner-options "$wide" --label-kind "gnomon dataset operators: cycle model" --seed 1 --out surrogate/models/accelerator.gnomon
rm -f "$operators"

# a layered network; exemplars are held out
$gnomon surrogate train --data $labels/layers.csv.gz --targets bram,dsp,ff,lut,cycles,ii --family ensemble --learner-options "$small" --split kind=exemplar --seed 1 --out surrogate/models/network.gnomon

# what a part of a simulation lacks of the whole
parts=$(mktemp --suffix .csv)
rm -f "$parts"
$gnomon dataset parts --out "$parts" --count 480 --seed 1
$gnomon surrogate train --data "$parts" --targets part_error --group network --ignore seed,row,core,latency_cycles,part_share,throughput --family ensemble --term never --label-kind "gnomon dataset parts: cycle model" --label-tool "$($gnomon --version | cut -d" " -f1,2)" --seed 1 --out surrogate/models/part.gnomon
rm -f "$parts"

# what a part of a memory trace's simulation lacks of the whole
traces=$(mktemp --suffix .csv)
rm -f "$traces"
$gnomon dataset parts --of traces --out "$traces" --count 700 --seed 1
$gnomon surrogate train --data "$traces" --targets part_error,row_hit_error,energy_error --group trace --ignore seed,row,port,ports,kind,memory,part_share,cycles,throughput --family trees --term never --learner-options '{"members": 3, "rounds": 120, "learning_rate": 0.05}' --label-kind "gnomon dataset parts --of traces: cycle model" --label-tool "$($gnomon --version | cut -d" " -f1,2)" --seed 1 --out surrogate/models/part-trace.gnomon
rm -f "$traces"

# a complete design's resources; arrays are the groups
[ -e $labels/designs.csv.gz ] || { $gnomon dataset designs --out $labels/designs.csv --count 384 --cosim 0 --seed 1 && gzip -9 -n $labels/designs.csv; }
$gnomon surrogate train --data $labels/designs.csv.gz --targets lut,ff,dsp,bram,cell_area_um2,cell_ff,fmax_mhz --group array --family ensemble --learner-options "$small" --label-tool "yosys 0.23, OpenSTA" --seed 1 --out surrogate/models/design.gnomon

# a kernel's resources, from its scheduled and bound hardware
[ -e $labels/kernels.csv.gz ] || { $gnomon dataset kernels --out $labels/kernels.csv --of examples/kernels/*.json --count 310 --seed 1 --cosim 0 && gzip -9 -n $labels/kernels.csv; }
hardware=$(gzip -dc $labels/kernels.csv.gz | head -1 | tr , '\n' | sed -n '/^ii$/,/^flip_flop_sum$/p' | paste -sd, -)
$gnomon surrogate train --data $labels/kernels.csv.gz --features "$hardware" --targets lut,ff,dsp,bram --family trees --term never --learner-options '{"members": 2, "rounds": 100, "learning_rate": 0.06}' --label-kind "gnomon dataset kernels: yosys 0.23 for xcup, flat" --seed 1 --out surrogate/models/kernel.gnomon

python3 surrogate/models/card.py
