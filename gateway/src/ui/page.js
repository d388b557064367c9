// Keeps a page current by asking for it again, and shows the values under the pointer in a chart.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

// Where the pointer rests in a chart: which chart, and how far along. It survives a refresh.
let rest = null;

async function refresh() {
  if (!document.hidden && !isSelecting()) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const isMissing = answer.status === 404;
      if (isMissing && !document.querySelector(".missing")) tell("This is gone: what follows is old");
      else if (answer.ok || isMissing) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      else tell(`Sluice answers with status ${answer.status}: what follows is old`);
    } catch {
      tell("Sluice does not answer: what follows is old");
    }
  }
  schedule();
}

function schedule() {
  setTimeout(refresh, Number(document.querySelector("main").dataset.refresh));
}

// Replacing text that somebody is about to copy would take the selection away.
function isSelecting() {
  const selection = document.getSelection();
  return selection?.type === "Range" && document.querySelector(".live").contains(selection.anchorNode);
}

function tell(trouble) {
  const age = document.querySelector(".age");
  age.textContent = trouble;
  age.classList.add("stale");
}

function show(page) {
  const fresh = page.querySelector(".live");
  const shown = document.querySelector(".live");
  const scrolled = [...shown.querySelectorAll(".scroll")].map((table) => table.scrollLeft);
  const focused = document.activeElement?.getAttribute("href");
  shown.replaceWith(fresh);
  fresh.querySelectorAll(".scroll").forEach((table, index) => (table.scrollLeft = scrolled[index] ?? 0));
  if (focused) [...fresh.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  document.title = page.title;
  const chart = rest && fresh.querySelectorAll(".chart")[rest.chart];
  if (chart) cross(chart, rest.share);
}

function nearest(points, share) {
  const first = points[0][0];
  const at = first + share * (points[points.length - 1][0] - first);
  return points.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best));
}

function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function cross(chart, share) {
  const data = JSON.parse(chart.dataset.points);
  const [at, values] = nearest(data.points, share);
  const first = data.points[0][0];
  const last = data.points[data.points.length - 1][0];
  const place = ((at - first) / (last - first)) * data.width;
  const line = chart.querySelector(".cross") ?? chart.appendChild(document.createElementNS(SVG, "line"));
  line.setAttribute("class", "cross");
  line.setAttribute("x1", place);
  line.setAttribute("x2", place);
  line.setAttribute("y1", data.top);
  line.setAttribute("y2", data.bottom);
  const text = data.lines.map(([name], index) => `${name} ${count(values[index])}`);
  const time = new Date(at).toLocaleTimeString();
  chart.closest("figure").querySelector("output").textContent = `${time}: ${text.join(", ")}`;
}

function uncross(chart) {
  chart.querySelector(".cross")?.remove();
  chart.closest("figure").querySelector("output").textContent = "";
}

function point(event) {
  const charts = [...document.querySelectorAll(".chart")];
  const chart = event.target.closest?.(".chart");
  charts.filter((other) => other !== chart).forEach(uncross);
  rest = null;
  if (!chart) return;
  const box = chart.getBoundingClientRect();
  const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  rest = { chart: charts.indexOf(chart), share };
  cross(chart, share);
}

document.addEventListener("pointermove", point);
document.addEventListener("pointerdown", point);
schedule();
