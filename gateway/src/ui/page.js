// Keeps a page current by asking for it again, and shows the values under the pointer in a chart.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

async function refresh() {
  if (!document.hidden && document.activeElement?.type !== "search") {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main");
      if (fresh) {
        document.querySelector("main").replaceWith(fresh);
        document.title = page.title;
        document.body.classList.remove("offline");
      }
    } catch {
      document.body.classList.add("offline");
      document.querySelector(".age").textContent = "Sluice does not answer: what follows is old";
    }
  }
  schedule();
}

function schedule() {
  setTimeout(refresh, Number(document.querySelector("main").dataset.refresh));
}

function nearest(points, share) {
  const first = points[0][0];
  const at = first + share * (points[points.length - 1][0] - first);
  return points.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best));
}

function cross(chart, event) {
  const data = JSON.parse(chart.dataset.points);
  const box = chart.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * data.width;
  const share = Math.min(1, Math.max(0, (x - data.left) / (data.right - data.left)));
  const [at, values] = nearest(data.points, share);
  const first = data.points[0][0];
  const last = data.points[data.points.length - 1][0];
  const place = data.left + ((at - first) / (last - first)) * (data.right - data.left);
  const line = chart.querySelector(".cross") ?? chart.appendChild(document.createElementNS(SVG, "line"));
  line.setAttribute("class", "cross");
  line.setAttribute("x1", place);
  line.setAttribute("x2", place);
  line.setAttribute("y1", data.top);
  line.setAttribute("y2", data.bottom);
  const text = data.lines.map(([name], index) => `${name} ${values[index].toLocaleString()}`);
  const time = new Date(at).toLocaleTimeString();
  chart.closest("figure").querySelector("output").textContent = `${time}: ${text.join(", ")}`;
}

function uncross(chart) {
  chart.querySelector(".cross")?.remove();
  chart.closest("figure").querySelector("output").textContent = "";
}

document.addEventListener("pointermove", (event) => {
  const chart = event.target.closest?.(".chart");
  document.querySelectorAll(".chart").forEach((other) => other !== chart && uncross(other));
  if (chart) cross(chart, event);
});
schedule();
