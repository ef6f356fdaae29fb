"use strict";
const $ = id => document.getElementById(id);
/* ---- numbers and units ---- */
const scales = {
  s: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]], pJ: [[1e12, "J"], [1e9, "mJ"], [1e6, "µJ"], [1e3, "nJ"], [1, "pJ"]],
  um2: [[1e6, "mm²"], [1, "µm²"]], W: [[1, "W"], [1e-3, "mW"], [1e-6, "µW"]], "J s": [[1, "J s"], [1e-3, "mJ s"], [1e-6, "µJ s"], [1e-9, "nJ s"]],
  bytes: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]], mW: [[1e3, "W"], [1, "mW"]] };
const counts = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
function scaleFor(unit, largest) {
  const list = scales[unit];
  if (!list) {
    if (/cycles|MACs|trials/.test(unit || "")) { const c = counts.find(c => largest >= c[0]) || [1, ""]; return { by: c[0], unit: (c[1] + " " + unit.replace("array ", "")).trim() }; }
    return { by: 1, unit: unit === "1" ? "" : unit || "" };
  }
  const found = list.find(s => largest >= s[0]) || list[list.length - 1];
  return { by: found[0], unit: found[1] };
}
function short(v, digits = 4) {
  if (v === null || v === undefined) return "–";
  if (v === 0) return "0";
  const a = Math.abs(v);
  if (a >= 1e6 || a < 1e-3) return v.toExponential(digits - 2).replace("e+", "e");
  return String(Number(v.toPrecision(digits)));
}
function tickText(v) {
  const a = Math.abs(v);
  if (a >= 1e4 && a < 1e15) { const c = counts.find(c => a >= c[0]); return String(Number((v / c[0]).toPrecision(3))) + c[1]; }
  return short(v, 3).replace(/\.0+e/, "e");
}
function withUnit(v, unit) {
  if (v === null || v === undefined) return "–";
  const s = scaleFor(unit, Math.abs(v) || 1);
  return short(v / s.by) + (s.unit ? " " + s.unit : "");
}
const suffixes = { s: "_s", pJ: "_pj", um2: "_um2", W: "_w", "J s": "_js", bytes: "_bytes", mW: "_mw" };
function nameOf(metric, unit) {
  const at = metric.indexOf("@"), bare = at < 0 ? metric : metric.slice(0, at), end = suffixes[unit];
  return (end && bare.endsWith(end) ? bare.slice(0, -end.length) : bare).replace(/_/g, " ") + (at < 0 ? "" : metric.slice(at));
}
function valueText(v) { return v === null || v === undefined ? "–" : Array.isArray(v) ? v.join(" ") : typeof v === "number" ? String(Number(v.toPrecision(6))) : String(v); }

/* ---- small SVG kit ---- */
const NS = "http://www.w3.org/2000/svg";
function el(name, attributes, parent, text) {
  const e = document.createElementNS(NS, name);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}
function html(name, attributes, parent, text) {
  const e = document.createElement(name);
  for (const k in attributes || {}) e.setAttribute(k, attributes[k]);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}
function ticks(low, high, n) {
  if (!(high > low)) return [low];
  const raw = (high - low) / n, power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 2.5, 5, 10].map(f => f * power).find(s => s >= raw * 0.999);
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) out.push(i * step);
  return out;
}
function logTicks(low, high) {
  const out = [], from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
  for (let e = from; e <= to; ++e) for (const f of to - from > 3 ? [1] : to - from > 1 ? [1, 3] : [1, 2, 5]) {
    const v = f * Math.pow(10, e);
    if (v >= low * 0.999 && v <= high * 1.001) out.push(v);
  }
  return out.length > 1 ? out : ticks(low, high, 4);
}
function axisOf(values, unit, options = {}) {
  const known = values.filter(v => v !== null && isFinite(v));
  let low = Math.min(...known), high = Math.max(...known);
  if (!known.length) { low = 0; high = 1; }
  const log = options.log !== undefined ? options.log : low > 0 && high / low > 50;
  if (options.zero) low = Math.min(0, low);
  if (low === high) { const d = Math.abs(low) * 0.1 || 1; low -= d; high += d; }
  if (log) { const f = Math.pow(high / low, 0.05); low /= f; high *= f; }
  else if (!options.tight) { const d = (high - low) * 0.05; if (!(options.zero && low === 0)) low -= d; high += d; }
  const scale = scaleFor(unit, Math.max(Math.abs(low), Math.abs(high)));
  return { low, high, log, scale, ticks: log ? logTicks(low / scale.by, high / scale.by) : ticks(low / scale.by, high / scale.by, options.ticks || 6),
    place: (v, from, to) => from + (to - from) * (log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low)),
    inside: v => v !== null && v >= low && v <= high };
}
function frame(box, size, x, y, labels, small) {
  const svg = el("svg", { viewBox: `0 0 ${size.w} ${size.h}`, role: "img", "aria-label": labels.title || "" }, box);
  const m = size.m, right = size.w - m.r, bottom = size.h - m.b;
  x.ticks.forEach(t => {
    const at = x.place(t * x.scale.by, m.l, right);
    if (at < m.l - 0.5 || at > right + 0.5) return;
    el("line", { x1: at, x2: at, y1: m.t, y2: bottom, class: "grid" }, svg);
    el("text", { x: at, y: bottom + 16, "text-anchor": "middle", class: small ? "small" : "" }, svg, tickText(t));
  });
  y.ticks.forEach(t => {
    const at = y.place(t * y.scale.by, bottom, m.t);
    if (at > bottom + 0.5 || at < m.t - 0.5) return;
    el("line", { x1: m.l, x2: right, y1: at, y2: at, class: "grid" }, svg);
    el("text", { x: m.l - 7, y: at + 4, "text-anchor": "end", class: small ? "small" : "" }, svg, tickText(t));
  });
  el("path", { d: `M${m.l},${m.t}V${bottom}H${right}`, class: "axis" }, svg);
  if (labels.x) el("text", { x: (m.l + right) / 2, y: size.h - 5, "text-anchor": "middle", class: "label" + (small ? " small" : "") }, svg, labels.x);
  if (labels.y) el("text", { x: 0, y: 0, transform: `translate(14,${(m.t + bottom) / 2}) rotate(-90)`, "text-anchor": "middle", class: "label" + (small ? " small" : "") }, svg, labels.y);
  return { svg, px: v => x.place(v, m.l, right), py: v => y.place(v, bottom, m.t), right, bottom };
}
function ramp(f) {
  const stops = [[253, 231, 37], [94, 201, 98], [33, 145, 140], [59, 82, 139], [68, 1, 84]];
  const at = Math.max(0, Math.min(0.9999, f)) * (stops.length - 1), i = Math.floor(at), r = at - i;
  return "rgb(" + stops[i].map((c, k) => Math.round(c + r * (stops[i + 1][k] - c))).join(",") + ")";
}

/* ---- tooltip ---- */
const tip = $("tip");
function showTip(event, title, rows) {
  tip.textContent = "";
  html("div", { class: "title" }, tip, title);
  const table = html("table", {}, tip);
  rows.forEach(r => { const tr = html("tr", {}, table); html("td", {}, tr, r[0]); html("td", {}, tr, r[1]); });
  tip.hidden = false;
  const w = tip.offsetWidth, h = tip.offsetHeight;
  let left = event.pageX + 16, top = event.pageY + 12;
  if (left + w > window.scrollX + document.documentElement.clientWidth - 8) left = event.pageX - w - 12;
  if (top + h > window.scrollY + window.innerHeight - 8) top = Math.max(window.scrollY + 4, event.pageY - h - 12);
  tip.style.left = left + "px";
  tip.style.top = top + "px";
}
const hideTip = () => { tip.hidden = true; };
function hover(node, title, rows) {
  node.addEventListener("mousemove", e => showTip(e, title(), rows()));
  node.addEventListener("mouseleave", hideTip);
}
