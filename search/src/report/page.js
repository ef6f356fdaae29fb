const D = JSON.parse(document.getElementById("data").textContent);
const byNumber = new Map(D.trials.map(t => [t.n, t]));
const metricIndex = new Map(D.metrics.map((m, i) => [m.name, i]));
const state = { x: null, y: null, colour: null, range: "feasible", selected: null, objective: 0 };

/* ---- quantities that axes show ---- */
const quantities = [];
D.objectives.forEach(o => quantities.push({ key: o.metric, name: nameOf(o.metric, o.unit), unit: o.unit, goal: o.goal, get: t => t.m ? t.m[metricIndex.get(o.metric)] : null }));
D.metrics.forEach((m, i) => { if (!quantities.some(q => q.key === m.name)) quantities.push({ key: m.name, name: nameOf(m.name, m.unit), unit: m.unit, get: t => t.m ? t.m[i] : null }); });
quantities.push({ key: "trial", name: "trial number", unit: "", get: t => t.n });
const quantity = key => quantities.find(q => q.key === key);

const label = (q, axis) => q.name + (axis.scale.unit ? ` [${axis.scale.unit}]` : "") + (axis.log ? " (log)" : "") + (q.goal === "max" ? " ↑" : "");
function designRows(t) {
  const rows = D.objectives.map(o => [nameOf(o.metric, o.unit), t.m ? withUnit(t.m[metricIndex.get(o.metric)], o.unit) : "–"]);
  D.parameters.forEach((p, i) => { if (t.p[i] !== null) rows.push([shortParameter(p.name), valueText(t.p[i])]); });
  return rows;
}
const stateText = { front: "on the front", feasible: "feasible", infeasible: "breaks a limit", lower: "lower fidelity only", failed: "failed" };
const colourOf = t => t.s === "front" ? "var(--front)" : t.s === "feasible" ? "var(--feasible)" : "var(--grey)";
const good = t => t.s === "front" || t.s === "feasible";
const drawn = D.trials.filter(t => t.m);
const order = { lower: 0, infeasible: 1, feasible: 2, front: 3 };
drawn.sort((a, b) => order[a.s] - order[b.s] || a.n - b.n);
/* parameters of the only core go without its name */
const onlyCore = (() => {
  const cores = new Set(D.parameters.map(p => p.name.split(".")).filter(p => p[0] === "cores" && p.length > 2).map(p => p[1]));
  return cores.size === 1 ? "cores." + [...cores][0] + "." : "cores.";
})();
function shortParameter(name) { return name.startsWith(onlyCore) ? name.slice(onlyCore.length) : name; }

/* ---- head ---- */
$("title").textContent = D.name;
$("subtitle").textContent = [D.workloads.join(", "), "agent " + D.agent, "fidelity " + D.ladder.join(" → "), "seed " + D.provenance.seed].filter(Boolean).join("  ·  ");
(function cards() {
  const card = (name, value, note) => { const c = html("div", { class: "card" }, $("cards")); html("div", { class: "label" }, c, name); html("div", { class: "value" }, c, value); html("div", { class: "note" }, c, note || " "); };
  card("evaluations", String(D.summary.evaluations), Object.keys(D.summary.evaluations_by_fidelity).length > 1 ? Object.entries(D.summary.evaluations_by_fidelity).map(e => e[1] + " " + e[0]).join(", ") : "at " + D.ladder[0] + " fidelity");
  card("feasible", String(D.summary.feasible), D.limits.length ? D.limits.length + (D.limits.length > 1 ? " limits" : " limit") : "no limits");
  if (D.summary.regret && D.summary.regret.value !== null) card("regret", short(D.summary.regret.value, 3), D.summary.regret.truth);
  if (D.summary.target) card("target reached", D.summary.evaluations_to_target === null ? "no" : "after " + D.summary.evaluations_to_target, "one design as good as " + D.summary.target.map(v => short(v, 3)).join(", "));
  card("failed", String(D.summary.failed));
  D.objectives.forEach(o => {
    const n = D.best[o.metric], t = byNumber.get(n);
    card((o.goal === "max" ? "largest " : "smallest ") + nameOf(o.metric, o.unit), t ? withUnit(t.m[metricIndex.get(o.metric)], o.unit) : "–", t ? "trial " + n : "nothing feasible");
  });
  if (D.objectives.length > 1) { card("designs on the front", String(D.front.length)); card("hypervolume", short(D.summary.hypervolume, 5), "see convergence"); }
})();

/* ---- front ---- */
function select(parent, name, options, value, change) {
  const l = html("label", {}, parent, name + " ");
  const s = html("select", { "data-control": name }, l);
  options.forEach(o => { const e = html("option", { value: o[0] }, s, o[1]); if (o[0] === value) e.selected = true; });
  s.addEventListener("change", () => change(s.value));
  return s;
}
function choices() {
  state.x = D.objectives.length > 1 ? D.objectives[0].metric : "trial";
  state.y = D.objectives.length > 1 ? D.objectives[1].metric : D.objectives[0].metric;
  state.colour = D.objectives.length > 2 ? D.objectives[2].metric : "";
  const all = quantities.map(q => [q.key, q.name]), box = $("front-controls");
  select(box, "x", all, state.x, v => { state.x = v; drawFront(); });
  select(box, "y", all, state.y, v => { state.y = v; drawFront(); });
  select(box, "colour", [["", "state"]].concat(all), state.colour, v => { state.colour = v; drawFront(); });
  select(box, "show", [["feasible", "the better feasible"], ["front", "around the front"], ["all", "everything"]], state.range, v => { state.range = v; drawFront(); });
}
function drawFront() {
  const box = $("front-plot"), legend = $("front-legend");
  box.textContent = legend.textContent = "";
  if (!drawn.length) { html("div", { class: "empty" }, box, "No trial gave a result."); return; }
  const qx = quantity(state.x), qy = quantity(state.y), qc = state.colour ? quantity(state.colour) : null;
  const ordered = q => drawn.filter(good).map(q.get).sort((a, b) => a - b);
  const cut = q => { const v = ordered(q), d = v[Math.floor(v.length * 0.12)], u = v[Math.ceil(v.length * 0.88) - 1]; return q.goal === "max" ? w => w >= d : q.goal ? w => w <= u : () => true; };
  const inX = cut(qx), inY = cut(qy);
  let basis = state.range === "all" ? drawn : state.range === "front" ? drawn.filter(t => t.s === "front") : drawn.filter(t => t.s === "front" || (good(t) && inX(qx.get(t)) && inY(qy.get(t))));
  if (!basis.length) basis = drawn;
  const x = axisOf(basis.map(qx.get), qx.unit, { log: qx.key === "trial" ? false : undefined }), y = axisOf(basis.map(qy.get), qy.unit);
  const size = { w: 840, h: 520, m: { l: 74, r: 16, t: 12, b: 48 } };
  const f = frame(box, size, x, y, { x: label(qx, x), y: label(qy, y), title: "trials" });
  const isObjective = k => D.objectives.some(o => o.metric === k);
  if (D.objectives.length === 2 && isObjective(state.x) && isObjective(state.y) && state.x !== state.y) {
    const front = D.front.map(n => byNumber.get(n)).sort((a, b) => qx.get(a) - qx.get(b));
    const down = qy.goal !== "max";
    let d = "";
    front.forEach((t, i) => {
      const px = f.px(qx.get(t)), py = f.py(qy.get(t));
      d += i === 0 ? `M${px},${py}` : (qx.goal === "max") === down ? `V${py}H${px}` : `H${px}V${py}`;
    });
    if (d) el("path", { d, fill: "none", stroke: "var(--front)", "stroke-width": 1.4, "stroke-opacity": 0.55, "clip-path": "url(#inside)" }, f.svg);
    const clip = el("clipPath", { id: "inside" }, f.svg);
    el("rect", { x: size.m.l, y: size.m.t, width: f.right - size.m.l, height: f.bottom - size.m.t }, clip);
  }
  let colour = colourOf, c = null;
  if (qc) {
    c = axisOf(basis.map(qc.get), qc.unit, { tight: true });
    colour = t => good(t) ? ramp(c.place(Math.min(c.high, Math.max(c.low, qc.get(t))), 0, 1)) : "var(--grey)";
  }
  let outside = 0;
  drawn.forEach(t => {
    const vx = qx.get(t), vy = qy.get(t);
    if (!x.inside(vx) || !y.inside(vy)) { ++outside; return; }
    const dot = el("circle", { cx: f.px(vx).toFixed(1), cy: f.py(vy).toFixed(1), r: t.s === "front" ? 6 : 4, fill: colour(t), stroke: t.s === "front" ? "#fff" : "none", "stroke-width": 1.2,
      "fill-opacity": good(t) ? 0.95 : 0.6, class: "dot", "data-trial": t.n, "data-state": t.s }, f.svg);
    hover(dot, () => `trial ${t.n} – ${stateText[t.s]}`, () => designRows(t));
    dot.addEventListener("click", () => choose(t.n));
  });
  const t = byNumber.get(state.selected);
  if (t && t.m && x.inside(qx.get(t)) && y.inside(qy.get(t))) el("circle", { cx: f.px(qx.get(t)), cy: f.py(qy.get(t)), r: 10, fill: "none", stroke: "var(--selected)", "stroke-width": 2.4, "pointer-events": "none" }, f.svg);
  const note = (text, swatch) => html("span", swatch ? { style: "--swatch:" + swatch } : { style: "--swatch:transparent" }, legend, text);
  if (qc) {
    const bar = html("span", { style: "--swatch:transparent" }, legend, `${label(qc, c)}: ${short(c.low / c.scale.by, 3)} `);
    const strip = html("i", { style: "display:inline-block;width:130px;height:10px;border-radius:3px;margin:0 6px;background:linear-gradient(90deg," + [0, .25, .5, .75, 1].map(ramp).join(",") + ")" }, bar);
    strip.after(document.createTextNode(" " + short(c.high / c.scale.by, 3)));
    note("larger dots: the front");
  } else { note("front", "var(--front)"); note("feasible", "var(--feasible)"); }
  if (drawn.some(t => !good(t))) note(drawn.some(t => t.s === "lower") ? "breaks a limit, or lower fidelity" : "breaks a limit", "var(--grey)");
  if (outside) note(`${outside} outside the picture`);
  note("click a point for its details");
}

/* ---- the chosen design ---- */
function choose(n) {
  state.selected = n;
  drawFront(); drawDetails(); drawLayers(); markTable(); drawMultiples();
  document.body.setAttribute("data-selected", n);
}
function drawDetails() {
  const box = $("details"), t = byNumber.get(state.selected);
  box.textContent = "";
  $("details-title").textContent = t ? "of trial " + t.n : "";
  if (!t) { html("div", { class: "empty" }, box, "Click a point to see its design."); return; }
  html("span", { class: "badge " + t.s }, box, stateText[t.s]);
  if (t.f) html("span", { class: "badge" }, box, t.f);
  if (t.e) html("p", {}, box, t.e);
  const table = (title, rows) => {
    html("h3", {}, box, title);
    const tb = html("table", {}, box);
    rows.forEach(r => { const tr = html("tr", { "data-row": r[2] || r[0] }, tb); html("td", {}, tr, r[0]); html("td", { class: "number" }, tr, r[1]); });
  };
  table("parameters", D.parameters.map((p, i) => [shortParameter(p.name), valueText(t.p[i]), p.name]).filter(r => r[1] !== "–"));
  if (t.m) {
    table("metrics", D.metrics.map((m, i) => [nameOf(m.name, m.unit), withUnit(t.m[i], m.unit), m.name]));
    if (D.limits.length) table("limits", D.limits.map((l, i) => [l, (t.v || []).includes(i) ? "broken" : "kept"]));
  }
}
function step(by) {
  if (!D.front.length) return;
  const sorted = D.front.slice().sort((a, b) => quantities[0].get(byNumber.get(a)) - quantities[0].get(byNumber.get(b)));
  const at = sorted.indexOf(state.selected);
  choose(sorted[at < 0 ? 0 : (at + by + sorted.length) % sorted.length]);
}
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));

/* ---- convergence ---- */
function curve(box, points, unit, yLabel, colour) {
  const x = axisOf(points.map(p => p[0]), "", { log: false, tight: true }), y = axisOf(points.map(p => p[1]), unit);
  const f = frame(box, { w: 660, h: 270, m: { l: 70, r: 14, t: 10, b: 44 } }, x, y, { x: "evaluations" + (D.ladder.length > 1 ? " at " + D.ladder[D.ladder.length - 1] : ""), y: yLabel(y), title: yLabel(y) });
  let d = "";
  points.forEach((p, i) => { d += i === 0 ? `M${f.px(p[0])},${f.py(p[1])}` : `H${f.px(p[0])}V${f.py(p[1])}`; });
  el("path", { d, fill: "none", stroke: colour, "stroke-width": 2 }, f.svg);
  const mark = el("circle", { r: 4, fill: colour, visibility: "hidden" }, f.svg);
  const cover = el("rect", { x: 70, y: 10, width: 576, height: 216, fill: "transparent" }, f.svg);
  cover.addEventListener("mousemove", e => {
    const r = f.svg.getBoundingClientRect(), at = (e.clientX - r.left) / r.width * 660;
    let best = points[0];
    points.forEach(p => { if (Math.abs(f.px(p[0]) - at) < Math.abs(f.px(best[0]) - at)) best = p; });
    mark.setAttribute("cx", f.px(best[0])); mark.setAttribute("cy", f.py(best[1])); mark.setAttribute("visibility", "visible");
    showTip(e, best[0] + " evaluations", [[yLabel(y).replace(/ \[.*/, ""), unit ? withUnit(best[1], unit) : short(best[1], 5)]]);
  });
  cover.addEventListener("mouseleave", () => { hideTip(); mark.setAttribute("visibility", "hidden"); });
}
function drawConvergence() {
  const one = D.objectives[0], volume = $("convergence-hypervolume"), best = $("convergence-best");
  const bests = D.convergence.filter(c => c[1] !== null).map(c => [c[0], c[1]]);
  if (D.objectives.length > 1 && D.convergence.length) curve(volume, D.convergence.map(c => [c[0], c[2]]), "", () => "hypervolume", "var(--front)");
  else volume.remove();
  if (bests.length) curve(best, bests, one.unit, y => "best " + nameOf(one.metric, one.unit) + (y.scale.unit ? ` [${y.scale.unit}]` : "") + (y.log ? " (log)" : ""), "var(--selected)");
  else html("div", { class: "empty" }, best, "Nothing feasible was found.");
  if (D.objectives.length > 1 && D.summary.hypervolume_reference) {
    html("div", { class: "soft" }, volume, "against the reference " + D.objectives.map((o, i) => nameOf(o.metric, o.unit) + " " + withUnit(D.summary.hypervolume_reference[i], o.unit)).join(", "));
  }
}

/* ---- layers ---- */
const palette = ["#0b5f83", "#e8a33d", "#5a9e6f", "#b1493b", "#7b6ca8", "#4ba3b5", "#8a8f3a", "#c97ba0", "#6b7c8c", "#a0703c", "#3f7f5f", "#93a8d0"];
function bars(box, rows, parts, unit, yLabel, describe) {
  const totals = rows.map(r => parts.reduce((s, p) => s + p.get(r), 0));
  const x = { ticks: [], scale: { by: 1, unit: "" }, place: (v, a, b) => a + (b - a) * v }, y = axisOf(totals, unit, { zero: true, log: false, ticks: 4 });
  const h = 210, w = 1380, f = frame(box, { w, h, m: { l: 74, r: 10, t: 10, b: 30 } }, x, y, { y: yLabel + (y.scale.unit ? ` [${y.scale.unit}]` : ""), title: yLabel });
  const width = (f.right - 74) / rows.length;
  rows.forEach((r, i) => {
    let from = 0;
    const g = el("g", {}, f.svg);
    parts.forEach(p => {
      const v = p.get(r);
      if (v > 0) el("rect", { x: 74 + i * width + width * 0.1, width: Math.max(0.5, width * 0.8), y: f.py(from + v), height: Math.max(0, f.py(from) - f.py(from + v)), fill: p.colour }, g);
      from += v;
    });
    el("rect", { x: 74 + i * width, width, y: 10, height: h - 40, fill: "transparent" }, g);
    hover(g, () => r[0] + " – " + r[1], () => describe(r));
  });
  el("text", { x: (74 + f.right) / 2, y: h - 8, "text-anchor": "middle", class: "label" }, f.svg, "layers, in the order in which they run");
}
function drawLayers() {
  if (!D.has_layers) return;
  const t = byNumber.get(state.selected), detail = t && D.details[String(t.n)];
  ["layers-time", "layers-energy", "energy-parts", "memory-parts"].forEach(id => { $(id).textContent = ""; });
  $("layers-controls").textContent = "";
  $("layers-title").textContent = t ? "in trial " + t.n : "";
  if (!detail || !detail.rows.length) {
    html("div", { class: "empty" }, $("layers-time"), t ? "The layers of this design are not in the report; those of the front are (all are in campaign.sqlite)." : "Click a design of the front.");
    return;
  }
  const share = (a, b) => b ? (100 * a / b).toPrecision(3) + " %" : "–";
  const rows = detail.rows.filter(r => r[3] > 0 || r[11] > 0), cycles = rows.reduce((s, r) => s + r[3], 0), energy = rows.reduce((s, r) => s + r[11], 0);
  const describe = r => [["cycles", withUnit(r[3], "cycles") + " (" + share(r[3], cycles) + ")"], ["waiting", withUnit(r[5], "cycles")], ["utilisation", share(r[6], 1)], ["MACs", withUnit(r[2], "MACs")],
    ["memory read", withUnit(r[7], "bytes")], ["memory written", withUnit(r[8], "bytes")], ["levels read", withUnit(r[9], "bytes")], ["energy", withUnit(r[11], "pJ") + " (" + share(r[11], energy) + ")"]];
  bars($("layers-time"), rows, [{ get: r => Math.max(0, r[3] - r[5]), colour: "var(--front)" }, { get: r => r[5], colour: "var(--stall)" }], "cycles", "time", describe);
  bars($("layers-energy"), rows, [{ get: r => r[11], colour: "#5a9e6f" }], "pJ", "energy", describe);
  const key = html("div", { class: "legend" }, $("layers-controls"));
  html("span", { class: "square", style: "--swatch:var(--front)" }, key, "computing");
  html("span", { class: "square", style: "--swatch:var(--stall)" }, key, "waiting");
  drawMemory(t, detail);
  if (detail.energy.length) {
    const total = detail.energy.reduce((s, e) => s + e[1], 0), box = $("energy-parts");
    html("div", { class: "soft", style: "margin-top:8px" }, box, "energy by component, " + withUnit(total, "pJ") + " in all");
    const strip = html("div", { class: "parts" }, box), legend = html("div", { class: "legend" }, box);
    detail.energy.map((e, i) => [e[0], e[1], palette[i % palette.length]]).sort((a, b) => b[1] - a[1]).forEach(e => {
      if (!(e[1] > 0)) return;
      const piece = html("div", { style: `flex:${e[1] / total} 0 0;background:${e[2]}` }, strip);
      hover(piece, () => e[0], () => [["energy", withUnit(e[1], "pJ")], ["share", share(e[1], total)]]);
      html("span", { class: "square", style: "--swatch:" + e[2] }, legend, `${e[0]} ${share(e[1], total)}`);
    });
  }
}

/* ---- what the memory did, and who waited for whom ---- */
function drawMemory(t, detail) {
  const box = $("memory-parts"), value = name => metricIndex.has(name) && t.m ? t.m[metricIndex.get(name)] : null;
  const rows = [], hits = value("dram_row_hits"), misses = value("dram_row_misses");
  if (hits !== null && hits !== undefined && misses !== null && hits + misses > 0) {
    const share = v => (100 * v / (hits + misses)).toPrecision(3) + " %";
    rows.push(["row hits", withUnit(hits, "bursts") + " (" + share(hits) + ")"], ["row misses", withUnit(misses, "bursts") + " (" + share(misses) + ")"],
      ["of which bank conflicts", withUnit(value("dram_row_conflicts"), "bursts") + " (" + share(value("dram_row_conflicts")) + ")"],
      ["achieved bandwidth", withUnit(value("dram_bandwidth_gb_s"), "GB/s")], ["mean read latency", withUnit(value("dram_read_latency_cycles"), "memory cycles")], ["refreshes", short(value("dram_refreshes"), 6)]);
  }
  (detail.waiting || []).forEach(w => rows.push([w[0] === w[1] ? w[0] + " waited for its own transfers" : w[0] + " waited for " + w[1], withUnit(w[2], "cycles")]));
  if (!rows.length) return;
  html("div", { class: "soft", style: "margin-top:8px" }, box, "memory and contention");
  const table = html("table", { class: "facts" }, box);
  rows.forEach(r => { const line = html("tr", {}, table); html("td", {}, line, r[0]); html("td", {}, line, r[1]); });
}

/* ---- parameters against an objective ---- */
function drawMultiples() {
  const box = $("multiples"), o = D.objectives[state.objective], q = quantities[state.objective];
  box.textContent = "";
  let basis = drawn.filter(good);
  if (!basis.length) basis = drawn;
  if (!basis.length) return;
  const y = axisOf(basis.map(q.get), o.unit, { ticks: 4 });
  D.parameters.forEach((p, i) => {
    if (p.kind === "permutation") return;
    const values = p.values, n = values ? values.length : 0, key = values && new Map(values.map((v, k) => [String(v), k]));
    const at = t => t.p[i] === null ? null : values ? key.get(String(t.p[i])) : t.p[i];
    const every = Math.ceil(n / 6);
    const x = values ? { ticks: [], scale: { by: 1, unit: "" }, inside: v => v !== null && v !== undefined, place: (v, a, b) => a + (b - a) * (v + 0.5) / n }
      : axisOf([p.low, p.high], "", { log: p.log, tight: true, ticks: 4 });
    const cell = html("div", {}, box), size = { w: 270, h: 190, m: { l: 58, r: 14, t: 8, b: 40 } };
    const f = frame(cell, size, x, y, { x: shortParameter(p.name), y: nameOf(o.metric, o.unit) + (y.scale.unit ? ` [${y.scale.unit}]` : ""), title: p.name }, true);
    if (values) values.forEach((v, k) => { if (k % every === 0) el("text", { x: f.px(k), y: f.bottom + 15, "text-anchor": "middle", class: "small" }, f.svg, valueText(v)); });
    drawn.forEach(t => {
      const vx = at(t), vy = q.get(t);
      if (!x.inside(vx) || !y.inside(vy)) return;
      const jitter = values ? ((t.n * 0.618034) % 1 - 0.5) * Math.min(0.6 * (f.right - 58) / n, 14) : 0;
      const dot = el("circle", { cx: (f.px(vx) + jitter).toFixed(1), cy: f.py(vy).toFixed(1), r: t.n === state.selected ? 5 : t.s === "front" ? 3.4 : 2.2, fill: t.n === state.selected ? "var(--selected)" : colourOf(t), "fill-opacity": good(t) ? 0.85 : 0.5, class: "dot" }, f.svg);
      hover(dot, () => `trial ${t.n} – ${stateText[t.s]}`, () => designRows(t));
      dot.addEventListener("click", () => choose(t.n));
    });
  });
}

/* ---- table of the front ---- */
let sorting = { column: 0, down: false };
function drawTable() {
  const table = $("front-table");
  table.textContent = "";
  const columns = [{ name: "trial", get: t => t.n, number: true }]
    .concat(D.objectives.map(o => {
      const values = D.front.map(n => Math.abs(byNumber.get(n).m[metricIndex.get(o.metric)])), s = scaleFor(o.unit, Math.max(...values, 0));
      return { name: nameOf(o.metric, o.unit) + (s.unit ? ` [${s.unit}]` : ""), get: t => t.m[metricIndex.get(o.metric)], show: v => short(v / s.by, 5), number: true };
    }))
    .concat(D.parameters.map((p, i) => ({ name: shortParameter(p.name), get: t => t.p[i], show: valueText, number: p.kind !== "categorical" && p.kind !== "permutation" })));
  const head = html("tr", {}, html("thead", {}, table));
  columns.forEach((c, i) => {
    const th = html("th", c.number ? { class: "number" } : {}, head, c.name + (sorting.column === i ? (sorting.down ? " ↓" : " ↑") : ""));
    th.addEventListener("click", () => { sorting = { column: i, down: sorting.column === i && !sorting.down }; drawTable(); });
  });
  const c = columns[sorting.column], rows = D.front.map(n => byNumber.get(n));
  rows.sort((a, b) => { const x = c.get(a), y = c.get(b); return (x < y ? -1 : x > y ? 1 : 0) * (sorting.down ? -1 : 1) || a.n - b.n; });
  const body = html("tbody", {}, table);
  rows.forEach(t => {
    const tr = html("tr", { "data-trial": t.n }, body);
    columns.forEach(k => html("td", k.number ? { class: "number" } : {}, tr, k.show ? k.show(k.get(t)) : String(k.get(t))));
    tr.addEventListener("click", () => choose(t.n));
  });
  markTable();
}
function markTable() {
  document.querySelectorAll("#front-table tbody tr").forEach(tr => tr.classList.toggle("selected", Number(tr.getAttribute("data-trial")) === state.selected));
}

/* ---- agreement of fidelities ---- */
(function agreement() {
  if (!D.agreement || !D.agreement.length) { $("agreement-panel").remove(); return; }
  const table = $("agreement"), head = html("tr", {}, html("thead", {}, table));
  ["from", "to", "metric", "designs seen by both", "Spearman", "Kendall", "outside the model's range"].forEach((h, i) => html("th", i < 3 ? {} : { class: "number" }, head, h));
  const body = html("tbody", {}, table);
  D.agreement.forEach(a => {
    const tr = html("tr", {}, body);
    [a.from, a.to, a.metric.replace(/_/g, " ")].forEach(t => html("td", {}, tr, t));
    [a.designs, a.spearman, a.kendall, a.out_of_range].forEach((v, i) => html("td", { class: "number" }, tr, v === null ? "–" : i === 0 || i === 3 ? String(v) : v.toFixed(3)));
  });
})();

/* ---- provenance ---- */
(function provenance() {
  const row = (k, v) => { const tr = html("tr", {}, $("provenance")); html("td", {}, tr, k); html("td", {}, tr, v); };
  row("gnomon", D.provenance.version + " (" + D.provenance.commit + ")");
  row("campaign hash", D.provenance.input_sha256);
  row("seed", String(D.provenance.seed));
  row("subject", D.subject);
  row("budget", D.budget + " evaluations");
  D.limits.forEach(l => row("limit", l));
  D.objectives.forEach(o => row("objective", o.metric + " (" + o.goal + ")"));
  $("campaign").textContent = JSON.stringify(D.campaign, null, 2);
  D.notes.forEach(n => html("p", { class: "soft" }, $("notes"), n));
})();

choices();
drawFront();
drawConvergence();
if (!D.has_layers) $("layers-panel").remove();
else drawLayers();
if (D.objectives.length > 1) select($("multiples-controls"), "objective", D.objectives.map((o, i) => [String(i), nameOf(o.metric, o.unit)]), "0", v => { state.objective = Number(v); drawMultiples(); });
drawMultiples();
drawTable();
drawDetails();
if (D.front.length) step(1);
