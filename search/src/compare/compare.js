const D = JSON.parse(document.getElementById("data").textContent);
const palette = ["#0b5f83", "#d9480f", "#2b8a3e", "#7048a8", "#b8860b", "#c2255c", "#1098ad", "#5c5f66", "#74b816", "#8b4513", "#4263eb", "#e8590c", "#087f5b", "#ae3ec9", "#495057"];
const colour = a => palette[D.agents.indexOf(a) % palette.length];
const share = D.score.kind === "hypervolume_share", larger = D.score.better === "larger";
const unit = share ? "" : D.objectives[0].unit;
const hasTuned = D.agents.some(a => a.tuned);
const view = { tuned: hasTuned, regret: false };
const rowOf = a => view.tuned && a.tuned ? a.tuned : a.variants[0];
const rankOf = a => view.tuned && a.tuned ? a.tuned.mean_rank : a.mean_rank;
const scoreName = share ? "share of the hypervolume" : nameOf(D.objectives[0].metric, unit);
const ordered = () => D.agents.slice().sort((a, b) => rankOf(a) - rankOf(b));
const scoreText = v => share ? (v === null ? "–" : (100 * v).toPrecision(3) + " %") : withUnit(v, unit);
const pText = p => p < 1e-4 ? "< 0.0001" : String(Number(p.toPrecision(2)));
/* regret: how far from the truth; only where the truth is known */
const truth = D.score.truth_known ? (share ? 1 : D.score.optimum) : null;
const regretOf = v => v === null ? null : Math.abs(v - truth);

$("title").textContent = D.name;
$("subtitle").textContent = [D.agents.length + " agents", D.seeds + " seeds", D.budget + " evaluations each", "fidelity " + D.ladder.join(" → "), D.parameters + " parameters"].join("  ·  ");
const better = larger ? "larger is better" : "smaller is better";

function cards() {
  $("cards").textContent = "";
  const card = (name, value, note) => { const c = html("div", { class: "card" }, $("cards")); html("div", { class: "label" }, c, name); html("div", { class: "value" }, c, value); html("div", { class: "note" }, c, note || " "); };
  const first = ordered()[0], test = view.tuned && D.tuned_friedman ? D.tuned_friedman : D.friedman;
  card("first by mean rank", first.name, "mean rank " + rankOf(first).toFixed(2) + " of " + D.agents.length);
  card("its median", scoreText(rowOf(first).median), scoreName);
  card("do agents differ?", "p " + (test.p < 1e-4 ? "< 0.0001" : "= " + pText(test.p)), "Friedman, " + D.agents.length + " agents, " + D.seeds + " seeds");
  card("runs", String(D.agents.reduce((n, a) => n + a.variants.length, 0) * D.seeds), tickText(D.evaluations) + " evaluations" + (D.failed ? ", " + D.failed + " failed" : ""));
  if (D.score.optimum !== null) card("known optimum", withUnit(D.score.optimum, unit), scoreName);
  else card("truth", D.score.truth_known ? "exact front known" : "unknown", D.score.truth_known ? "regret can be shown" : "scale from all runs together");
}

function curves() {
  const box = $("curves");
  box.textContent = "";
  const value = v => view.regret ? regretOf(v) : v;
  const first = D.checkpoints.findIndex((n, i) => n >= 5 && D.agents.some(a => rowOf(a).curve[i][0] !== null));
  const from = Math.max(0, first), xs = D.checkpoints.slice(from), all = [];
  D.agents.forEach(a => rowOf(a).curve.slice(from).forEach(c => c.forEach(v => { if (v !== null) all.push(value(v)); })));
  const positive = all.filter(v => v > 0);
  const log = view.regret ? positive.length > 0 && Math.max(...positive) / Math.min(...positive) > 20 : undefined;
  const x = axisOf(xs, "", { log: xs[xs.length - 1] / xs[0] > 5, tight: true });
  if (x.log) { x.low = xs[0]; x.high = xs[xs.length - 1]; }
  const y = axisOf(log ? positive : all, share ? "" : unit, { log });
  const name = view.regret ? "regret: " + (share ? "1 – share of the hypervolume" : "distance to the optimum") : scoreName;
  const f = frame(box, { w: 1360, h: 430, m: { l: 78, r: 120, t: 12, b: 46 } }, x, y, { x: "evaluations" + (x.log ? " (log)" : ""), y: name + (y.scale.unit ? ` [${y.scale.unit}]` : "") + (y.log ? " (log)" : ""), title: name });
  const clip = v => Math.min(y.high, Math.max(y.low, value(v)));
  const ends = [];
  ordered().reverse().forEach(a => {
    const c = rowOf(a).curve.slice(from), known = c.map((p, i) => [xs[i], p]).filter(p => p[1][0] !== null);
    if (!known.length) return;
    const band = known.filter(p => p[1][1] !== null && p[1][2] !== null);
    if (band.length) {
      const up = band.map(p => `${f.px(p[0])},${f.py(clip(p[1][1]))}`), down = band.slice().reverse().map(p => `${f.px(p[0])},${f.py(clip(p[1][2]))}`);
      el("path", { d: "M" + up.concat(down).join("L") + "Z", fill: colour(a), "fill-opacity": 0.11 }, f.svg);
    }
    const line = el("path", { d: "M" + known.map(p => `${f.px(p[0]).toFixed(1)},${f.py(clip(p[1][0])).toFixed(1)}`).join("L"), fill: "none", stroke: colour(a), "stroke-width": 2.2, "stroke-linejoin": "round" }, f.svg);
    const last = known[known.length - 1];
    hover(line, () => a.name, () => [["median", scoreText(last[1][0])], ["mean rank", rankOf(a).toFixed(2)]]);
    ends.push({ a, y: f.py(clip(last[1][0])) });
  });
  /* names at the ends of the lines, pushed apart where they would overlap */
  ends.sort((p, q) => p.y - q.y);
  for (let i = 1; i < ends.length; ++i) ends[i].at = Math.max(ends[i].y, (ends[i - 1].at ?? ends[i - 1].y) + 14);
  const over = ends.length ? Math.max(0, (ends[ends.length - 1].at ?? ends[ends.length - 1].y) - f.bottom) : 0;
  ends.forEach(e => el("text", { x: f.right + 8, y: (e.at ?? e.y) - over + 4, style: "fill:" + colour(e.a), class: "label" }, f.svg, e.a.name));
  const legend = $("curves-legend");
  legend.textContent = "";
  html("span", { style: "--swatch:transparent" }, legend, "line: median over seeds; band: quartiles; " + (view.regret ? "smaller is better" : better));
}

function ranking() {
  const table = $("ranking");
  table.textContent = "";
  const head = html("tr", {}, html("thead", {}, table));
  ["agent", "mean rank", "median", "quartiles", "reached target", "evaluations to target", "time per suggestion", "p against first"].forEach((h, i) => html("th", i === 0 ? {} : { class: "number" }, head, h));
  const body = html("tbody", {}, table), order = ordered(), pairs = view.tuned && D.tuned_pairs ? D.tuned_pairs : D.pairs;
  order.forEach((a, i) => {
    const tr = html("tr", { "data-agent": a.name }, body), r = rowOf(a), name = html("td", {}, tr);
    html("i", { class: "swatch", style: "background:" + colour(a) }, name);
    name.appendChild(document.createTextNode(a.name));
    name.title = a.summary;
    const rank = html("td", { class: "number" }, tr, rankOf(a).toFixed(2));
    html("i", { class: "bar", style: `width:${Math.round(70 * (D.agents.length - rankOf(a) + 0.5) / D.agents.length)}px;background:${colour(a)}` }, rank);
    html("td", { class: "number" }, tr, scoreText(r.median));
    html("td", { class: "number" }, tr, scoreText(r.quartiles[0]) + " … " + scoreText(r.quartiles[1]));
    html("td", { class: "number" }, tr, `${r.reached_target} of ${D.seeds}`);
    html("td", { class: "number" }, tr, r.expected_evaluations_to_target === null ? "–" : short(r.expected_evaluations_to_target, 3));
    html("td", { class: "number" }, tr, withUnit(a.suggestion_ms * 1e-3, "s"));
    const pair = pairs.find(p => (p.a === order[0].name && p.b === a.name) || (p.b === order[0].name && p.a === a.name));
    html("td", { class: "number" }, tr, i === 0 || !pair ? "–" : pText(pair.p_holm));
  });
  $("ranking-note").textContent = "target: " + D.target;
}

function finals() {
  const box = $("finals"), order = ordered(), row = 30;
  box.textContent = "";
  const values = [];
  order.forEach(a => rowOf(a).scores.forEach(v => { if (v !== null) values.push(v); }));
  const x = axisOf(values, share ? "" : unit), size = { w: 660, h: 60 + row * order.length, m: { l: 86, r: 18, t: 8, b: 44 } };
  const y = { ticks: [], scale: { by: 1, unit: "" }, place: (v, a, b) => b + (a - b) * (v + 0.5) / order.length };
  const f = frame(box, size, x, y, { x: scoreName + (x.scale.unit ? ` [${x.scale.unit}]` : "") + (x.log ? " (log)" : "") + ", " + better, title: "final scores" });
  order.forEach((a, i) => {
    const at = f.py(i), r = rowOf(a);
    el("text", { x: 78, y: at + 4, "text-anchor": "end", class: "label" }, f.svg, a.name);
    r.scores.forEach((v, s) => {
      if (v === null) return;
      const dot = el("circle", { cx: f.px(v), cy: at + ((s * 0.618034) % 1 - 0.5) * row * 0.55, r: 3.2, fill: colour(a), "fill-opacity": 0.6 }, f.svg);
      hover(dot, () => `${a.name}, seed ${s}`, () => [[scoreName, scoreText(v)], ["target after", r.evaluations_to_target[s] === null ? "not reached" : r.evaluations_to_target[s] + " evaluations"]]);
    });
    if (r.median !== null) el("line", { x1: f.px(r.median), x2: f.px(r.median), y1: at - row * 0.38, y2: at + row * 0.38, stroke: "var(--ink)", "stroke-width": 2 }, f.svg);
    const none = r.scores.filter(v => v === null).length;
    if (none) el("text", { x: f.right, y: at + 4, "text-anchor": "end", class: "small" }, f.svg, none + " without a feasible design");
  });
}

function matrix() {
  const table = $("matrix"), order = ordered(), pairs = view.tuned && D.tuned_pairs ? D.tuned_pairs : D.pairs;
  table.textContent = "";
  const head = html("tr", {}, table);
  html("th", {}, head, "");
  order.forEach(a => html("th", {}, head, a.name));
  order.forEach(a => {
    const tr = html("tr", {}, table);
    html("td", {}, tr, a.name);
    order.forEach(b => {
      const pair = pairs.find(p => (p.a === a.name && p.b === b.name) || (p.b === a.name && p.a === b.name));
      if (!pair) { html("td", { class: "soft" }, tr, "–"); return; }
      const wins = pair.a === a.name ? pair.a_better : 1 - pair.a_better, sure = pair.p_holm < 0.05;
      const strength = Math.abs(wins - 0.5) * 2, back = wins > 0.5 ? `rgba(11,95,131,${0.05 + 0.4 * strength})` : `rgba(217,72,15,${0.04 + 0.3 * strength})`;
      const td = html("td", { style: `background:${back};font-weight:${sure ? 700 : 400}` }, tr, Math.round(100 * wins) + " %");
      hover(td, () => `${a.name} against ${b.name}`, () => [["better in", Math.round(100 * wins) + " % of seed pairs"], ["p (Holm)", pText(pair.p_holm)], ["p (raw)", pText(pair.p)]]);
    });
  });
}

function lottery() {
  if (!D.agents.some(a => a.variants.length > 1)) { $("lottery-panel").remove(); return; }
  const order = ordered(), values = [], rows = [];
  order.forEach(a => a.variants.forEach((v, i) => { rows.push({ a, v, i }); [v.median, v.quartiles[0], v.quartiles[1]].forEach(n => { if (n !== null) values.push(n); }); }));
  const x = axisOf(values, share ? "" : unit), step = 13, size = { w: 1360, h: 62 + step * rows.length + 8 * order.length, m: { l: 96, r: 20, t: 8, b: 46 } };
  const y = { ticks: [], scale: { by: 1, unit: "" }, place: (v, a, b) => b + (a - b) * v };
  const f = frame($("lottery"), size, x, y, { x: scoreName + (x.scale.unit ? ` [${x.scale.unit}]` : "") + (x.log ? " (log)" : "") + ", " + better, title: "variants" });
  let at = 12;
  order.forEach(a => {
    el("text", { x: 88, y: at + step * a.variants.length / 2, "text-anchor": "end", class: "label" }, f.svg, a.name);
    a.variants.forEach((v, i) => {
      const cy = at + step * (i + 0.5);
      at += 0;
      if (v.median === null) { el("text", { x: 104, y: cy + 4, class: "small" }, f.svg, "nothing feasible in half of the runs"); return; }
      if (v.quartiles[0] !== null && v.quartiles[1] !== null) el("line", { x1: f.px(v.quartiles[0]), x2: f.px(v.quartiles[1]), y1: cy, y2: cy, stroke: colour(a), "stroke-width": 2, "stroke-opacity": 0.45 }, f.svg);
      const dot = el("circle", { cx: f.px(v.median), cy, r: i === 0 ? 5 : 4, fill: colour(a), stroke: i === 0 ? "var(--ink)" : "none", "stroke-width": 1.8 }, f.svg);
      hover(dot, () => a.name + (i === 0 ? ", defaults" : ", set " + i), () => [["median", scoreText(v.median)]].concat(Object.entries(v.options).map(e => [e[0], valueText(e[1])])));
    });
    at += step * a.variants.length + 8;
  });
  const table = $("variants"), head = html("tr", {}, html("thead", {}, table));
  ["agent", "set", "median", "chosen for", "options"].forEach(h => html("th", {}, head, h));
  const body = html("tbody", {}, table);
  order.forEach(a => a.variants.forEach((v, i) => {
    const tr = html("tr", {}, body), used = a.tuned ? [a.tuned.variants[0] === i ? "even seeds" : "", a.tuned.variants[1] === i ? "odd seeds" : ""].filter(Boolean).join(", ") : "";
    [a.name, i === 0 ? "defaults" : String(i), scoreText(v.median), used || "–"].forEach(t => html("td", {}, tr, t));
    html("td", { class: "options" }, tr, JSON.stringify(v.options));
  }));
}

(function provenance() {
  const row = (k, v) => { const tr = html("tr", {}, $("provenance")); html("td", {}, tr, k); html("td", {}, tr, v); };
  row("gnomon", D.provenance.version + " (" + D.provenance.commit + ")");
  row("campaign hash", D.provenance.input_sha256);
  row("seeds", "0 … " + (D.seeds - 1));
  row("budget", D.budget + " evaluations a run, " + D.batch + " asked at a time");
  row("score", scoreName + ", " + better);
  row("ranks and tests", "of the score " + D.score.judged);
  if (share) row("scale", D.objectives.map((o, k) => o.metric + ": " + short(D.score.scale.ideal[k]) + " … " + short(D.score.scale.nadir[k])).join("; ") + "; reference 1.1");
  D.limits.forEach(l => row("limit", l));
  const note = t => html("p", { class: "soft" }, $("notes"), t);
  note("Ranks and the Friedman test take seeds as blocks. Pairs are compared with the Mann-Whitney U test (two-sided), p-values corrected by Holm over all pairs. " +
    "A run without a feasible design ranks last. Evaluations to the target: all evaluations spent by all runs, divided by the number of runs that reached it.");
  if (share) note("Objectives are scaled to [0, 1] between the ends of " + (D.score.truth_known ? "the exact front" : "the best front that all runs together found") + "; the hypervolume counts up to 1.1 in each and is given as a share of that front's.");
  if (hasTuned) note("Tuned: every agent has the same number of sets of options. Each half of the seeds is scored with the set that did best (by median) on the other half, so that no run judges its own choice.");
  D.notes.forEach(note);
})();

function draw() { cards(); curves(); ranking(); finals(); matrix(); }
(function controls() {
  const box = $("curves-controls");
  const toggle = (words, start, act) => {
    const s = html("select", {}, box);
    words.forEach(w => { const o = html("option", { value: w }, s, w); if (w === start) o.selected = true; });
    s.addEventListener("change", () => { act(s.value); draw(); });
  };
  if (hasTuned) toggle(["tuned options", "default options"], "tuned options", v => { view.tuned = v === "tuned options"; });
  if (truth !== null) toggle(["score", "regret"], "score", v => { view.regret = v === "regret"; });
})();
draw();
lottery();
