"use strict";
// Puts an interactive plot in place of each picture. Whatever goes wrong, the picture stays.

const NARROW = window.matchMedia("(max-width: 40rem)");
const DARK = window.matchMedia("(prefers-color-scheme: dark)");

async function unpacked(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// The page's own colours, as changes to a layout by dotted path. Grids are a grey that fits both.
function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font.color": of("--text"),
    "hoverlabel.bgcolor": of("--surface"),
    "hoverlabel.bordercolor": of("--rule"),
    "hoverlabel.font.color": of("--text"),
    "modebar.color": of("--quiet"),
    "modebar.activecolor": of("--accent"),
    "modebar.bgcolor": "rgba(0,0,0,0)",
  };
}

// On a phone: the legend below, and a finger scrolls the page, not the plot.
function fitted(layout) {
  if (!NARROW.matches) return {};
  return {
    "dragmode": false,
    "legend.orientation": "h",
    "legend.x": 0,
    "legend.xanchor": "left",
    "legend.y": -0.25,
    "legend.yanchor": "top",
    "margin.t": 40,
    "font.size": 11,
  };
}

// Nothing that leads away: plotly.js offers to send a chart to its makers' server unless it is told.
function options() {
  return {
    responsive: true,
    displaylogo: false,
    displayModeBar: NARROW.matches ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "sendChartToCloud"],
    plotlyServerURL: "",
    scrollZoom: false,
    showSendToCloud: false,
  };
}

async function draw(place) {
  const packed = document.querySelector(`script[data-packed="${place.dataset.figure}"]`);
  const figure = JSON.parse(await unpacked(packed));
  const picture = place.parentElement.querySelector(".picture");
  const layout = { autosize: true, ...figure.layout };
  place.style.height = `${layout.height || 450}px`;
  place.hidden = false;
  try {
    await Plotly.newPlot(place, figure.data, layout, options());
    await Plotly.relayout(place, { ...colours(), ...fitted(layout) });
  } catch (error) {
    place.hidden = true;
    throw error;
  }
  if (picture) picture.classList.add("for-paper");
}

async function begin() {
  const places = [...document.querySelectorAll(".plot")];
  if (!("DecompressionStream" in window)) {
    document.getElementById("no-plots").hidden = false;
    return;
  }
  const library = document.createElement("script");
  library.textContent = await unpacked(document.getElementById("plotly"));
  document.head.append(library);
  for (const place of places) {
    await draw(place);
    // Between two plots the page answers its reader.
    await new Promise((done) => setTimeout(done));
  }
  DARK.addEventListener("change", () => {
    for (const place of places) Plotly.relayout(place, colours());
  });
}

begin();
