// Beijian's own script: the theme, dialogs, the menu, counting, live pages and charts. Everything else is HTML and htmx.
"use strict";

// ---- theme: dark or light as the reader's system is; before the page is painted ----

const dark = matchMedia("(prefers-color-scheme: dark)");
const followSystem = () => { document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light"; };
followSystem();
dark.addEventListener("change", () => { followSystem(); drawCharts(document, true); });

// ---- dialogs, added lines, the search key ----

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.opens) openNamed(button.dataset.opens);
  if ("closes" in button.dataset) button.closest("dialog").close();
  if ("prints" in button.dataset) print();
  if (button.dataset.adds) addLine(document.getElementById(button.dataset.adds));
  if ("removes" in button.dataset) button.closest(".line").remove();
});

// a photo is sent as soon as it is taken
document.addEventListener("change", (event) => {
  if ("sends" in event.target.dataset && event.target.files.length) event.target.form.requestSubmit();
});

// a page that renewed itself may offer what it had no dialog for when it was loaded: it is loaded anew
async function openNamed(id) {
  const named = () => document.getElementById(id);
  if (!named()) await htmx.ajax("GET", location.href, { target: "#page", select: "#page", swap: "outerHTML" });
  if (named()) openDialog(named());
}

function openDialog(dialog) {
  dialog.showModal();
  dialog.querySelector(".dialog-body :is(input:not([type=hidden]), textarea, select)")?.focus();
}

function addLine(template) {
  const line = template.content.cloneNode(true);
  const field = line.querySelector("select, input");
  template.before(line);
  field.focus();
}

// a shortcut is one key by itself; a scanner's text, which may hold one, comes in a burst, and where a page waits for
// scans it goes there
const BURST = 100;
let lastKey = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const inBurst = event.timeStamp - lastKey < BURST;
  lastKey = event.timeStamp;
  const scan = event.key.length === 1 && event.key !== " " && document.querySelector("[data-next-scan]");
  if (scan) { scan.focus({ preventScroll: true }); return; }
  const field = inBurst ? null : document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (field) { event.preventDefault(); field.focus(); }
});

// a scanner's Enter would send a form by itself as long as nothing here listens, so its field is given the focus only now
document.addEventListener("DOMContentLoaded", () => document.querySelector("[data-next-scan]")?.focus({ preventScroll: true }));

// ---- the menu: which of its groups are closed is remembered, and the service draws them so; one's place is in sight ----

document.addEventListener("toggle", (event) => {
  if (!event.target.dataset.menuGroup) return;
  const closed = [...document.querySelectorAll("[data-menu-group]:not([open])")].map((group) => group.dataset.menuGroup);
  document.cookie = `beijian_menu=${closed.join(".")}; path=/; max-age=31536000; samesite=lax`;
}, true);

document.addEventListener("DOMContentLoaded", () => document.querySelector("#menu [aria-current]")?.scrollIntoView({ block: "nearest" }));

// ---- counting: a scanned label or serial goes to the line it belongs to; nothing is sent until the bin is done ----

document.addEventListener("scanned", (event) => {
  const { target: field, detail } = event;
  const form = field.form, told = form.querySelector(".count-told");
  const lines = [...form.querySelectorAll("[data-line]")];
  const { line, serial } = countedLine(lines, detail);
  const code = serial ?? line?.dataset.part ?? detail.value;
  told.classList.toggle("unknown", !line);
  if (!line) {
    told.value = `${code} – ${field.dataset.unknown}`;
    form.querySelector("#more-found").open = true;
    event.preventDefault();
    return;
  }
  lines.forEach((each) => each.classList.toggle("active", each === line));
  if ("bySerial" in line.dataset) {
    if (serial) addSerial(line, serial);
    told.value = `${code} · ${line.querySelector(".tally").value}`;
  } else {
    told.value = `${code} · ${step(line.querySelector("[data-quantity]"), 1)}`;
  }
});

// a piece joins the line of its part (and, where the books know it, its condition and pool); a serial that nobody knows joins
// the part whose label was scanned last, or the only one here that has serials
function countedLine(lines, { value, part, serial, condition, pool }) {
  const active = (some) => some.find((each) => each.classList.contains("active"));
  const named = (part ?? value).toUpperCase();
  const same = lines.filter((line) => line.dataset.part.toUpperCase() === named);
  const known = same.find((line) => line.dataset.condition === condition && line.dataset.pool === pool);
  if (part || same.length) return { line: known ?? active(same) ?? same[0], serial };
  const bySerial = lines.filter((line) => "bySerial" in line.dataset);
  return { line: active(bySerial) ?? (bySerial.length === 1 ? bySerial[0] : null), serial: serial ?? value };
}

function addSerial(line, serial) {
  const list = line.querySelector("[data-serials]");
  const serials = list.value.split(/[\s,，;]+/).filter(Boolean);
  if (!serials.includes(serial)) serials.push(serial);
  list.value = serials.join("\n");
  tally(list);
}

function tally(list) {
  const count = new Set(list.value.split(/[\s,，;]+/).filter(Boolean)).size;
  list.closest("[data-line]").querySelector(".tally").value = count;
}

function step(field, by) {
  field.value = Math.max(0, Number(field.value || 0) + by);
  return field.value;
}

document.addEventListener("input", (event) => { if (event.target.matches("[data-serials]")) tally(event.target); });
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-steps]");
  if (button) step(button.parentElement.querySelector("[data-quantity]"), Number(button.dataset.steps));
});

// ---- live pages: nothing is asked while the tab is hidden, the reader holds a piece of it or decides about it; unchanged is not sent ----

const tags = new Map();
const live = (event) => event.target.matches?.("[data-live]");
const deciding = () => document.querySelector("dialog.dialog[open] form");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (live(event) && (document.hidden || !getSelection().isCollapsed || deciding())) event.preventDefault();
});

document.addEventListener("htmx:configRequest", (event) => {
  const tag = tags.get(location.href);
  if (live(event) && tag) event.detail.headers["If-None-Match"] = tag;
});

document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (!live(event)) return;
  document.getElementById("offline").hidden = true;
  const tag = event.detail.xhr.getResponseHeader("ETag");
  if (tag) tags.set(location.href, tag);
});

document.addEventListener("htmx:sendError", (event) => {
  if (live(event)) document.getElementById("offline").hidden = false;
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.querySelectorAll("[data-live]").forEach((region) => htmx.trigger(region, "refresh"));
});

// the keyboard's focus: a link keeps it when the region around it is renewed, a new page takes it
let focused = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (live(event)) focused = event.target.contains(document.activeElement) && document.activeElement.getAttribute("href");
});
document.addEventListener("htmx:afterSwap", (event) => {
  const page = event.detail.target.id === "page" && document.getElementById("page");
  if (page) htmx.process(page); // its forms are ours before a scanner can reach them
  if (page) (document.querySelector("[data-next-scan]") ?? page).focus({ preventScroll: true });
  if (focused) document.querySelector(`#live [href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  focused = null;
});

// ---- charts: data comes as JSON beside an empty box; the box stays when the data is renewed ----

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--chart-${name}`).trim();

let library = null;

// the library is fetched when the first chart appears
function loadLibrary() {
  library ??= new Promise((loaded) => {
    const script = document.createElement("script");
    script.src = document.documentElement.dataset.charts;
    script.onload = loaded;
    document.head.append(script);
  });
  return library;
}

async function drawCharts(root, again) {
  const wanted = [...root.querySelectorAll("script[data-chart]")];
  if (!wanted.length) return;
  await loadLibrary();
  wanted.filter((script) => script.isConnected).forEach((script) => {
    const box = document.getElementById(script.dataset.chart);
    let chart = echarts.getInstanceByDom(box);
    if (chart && again) { chart.dispose(); chart = null; }
    if (!chart) {
      chart = echarts.init(box);
      new ResizeObserver(() => chart.isDisposed() || chart.resize()).observe(box);
    }
    if (box.drawn !== script.textContent || again) chart.setOption(optionOf(JSON.parse(script.textContent)), true);
    box.drawn = script.textContent;
  });
}

function optionOf(data) {
  const text = colour("text"), lines = { lineStyle: { color: colour("grid") } };
  const axis = { axisLabel: { color: text, hideOverlap: true }, axisLine: lines, axisTick: lines, splitLine: lines, nameTextStyle: { color: text } };
  const time = data.kind === "time";
  const days = time && (new Date(data.end) - new Date(data.start)) / 86400000;
  if (time) axis.axisLabel = { ...axis.axisLabel, formatter: days > 5 ? "{MM}-{dd}" : "{MM}-{dd} {HH}:{mm}" };
  return {
    animation: false,
    color: [1, 2, 3, 4, 5, 6].map((n) => colour(n)),
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 4, right: 12, top: data.series.some((series) => series.marks.length) ? 54 : data.series.length + data.lines.length > 1 ? 40 : data.y_name ? 30 : 16, bottom: data.x_name ? 22 : 4, containLabel: true },
    legend: { show: data.series.length + data.lines.length > 1, type: "scroll", top: 0, left: 0, icon: "roundRect", itemWidth: 14, itemHeight: 4, itemGap: 14, textStyle: { color: text }, pageTextStyle: { color: text } },
    tooltip: { trigger: data.kind === "scatter" ? "item" : "axis", renderMode: "richText", confine: true },
    xAxis: { ...axis, type: time ? "time" : data.kind === "bars" ? "category" : "value", data: data.categories, name: data.x_name, nameLocation: "middle", nameGap: 24, scale: true, splitLine: { show: data.kind === "scatter", ...lines }, min: time ? data.start : null, max: time ? data.end : null },
    yAxis: { ...axis, axisLine: { ...lines, onZero: false }, axisLabel: { color: text }, type: "value", name: data.y_name, nameTextStyle: { color: text, align: "left" }, minInterval: data.whole ? 1 : 0, min: data.kind === "scatter" || data.below_zero ? null : 0, scale: data.kind === "scatter" },
    series: [...data.series.map((series) => seriesOf(series, data)), ...data.lines.map((line) => lineOf(line, data))],
  };
}

function seriesOf(series, data) {
  const shade = series.colour ? colour(series.colour) : undefined;
  const shape = {
    time: { type: "line", step: series.sloped ? false : "end", symbol: "none", areaStyle: series.area ? { opacity: 0.12 } : undefined, lineStyle: { width: series.dashed ? 1 : 2, type: series.dashed ? "dashed" : "solid" } },
    bars: { type: "bar", barMaxWidth: 18 },
    scatter: { type: "line", symbol: "circle", symbolSize: 9, lineStyle: { type: "dashed", width: 1 } },
  }[data.kind];
  const marks = data.kind === "time" && series.marks.length ? { symbol: "none", silent: true, lineStyle: { type: "dotted", color: colour("grey") }, label: { formatter: "{b}", color: colour("text"), position: "end", fontSize: 11, rotate: 0 }, data: series.marks.map(([at, name]) => ({ xAxis: at, name })) } : undefined;
  return { ...shape, name: series.name, data: series.points, color: shade, markLine: marks };
}

// a line that stock or failures are held against, as a series of its own, so that the legend names it
function lineOf(line, data) {
  const ends = data.kind === "time" ? [[data.start, line.value], [data.end, line.value]] : data.categories.map((at) => [at, line.value]);
  return { type: "line", name: line.name, data: ends, symbol: "none", color: colour(line.colour), lineStyle: { width: 1.5, type: line.dashed ? "dashed" : "solid" }, z: 3 };
}

document.addEventListener("DOMContentLoaded", () => drawCharts(document));
document.addEventListener("htmx:afterSwap", () => drawCharts(document));
