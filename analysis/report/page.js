"use strict";
// Puts an interactive plot in place of each picture. Whatever goes wrong, the picture stays.

const NARROW = window.matchMedia("(max-width: 40rem)");
const HEIGHT = 450; // pixels, of a figure that does not say
const TOP = 40; // pixels above a plot whose legend is below it
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

// On a phone: the legend below, for which the plot grows, and a finger scrolls the page, not the plot.
function fitted(place, layout) {
  if (!NARROW.matches) return {};
  const legend = place.querySelector(".legend");
  const margin = { t: 60, b: 64, ...layout.margin };
  const plot = (layout.height || HEIGHT) - margin.t - margin.b;
  const grown = TOP + plot + margin.b + (legend ? legend.getBBox().height : 0);
  place.style.height = `${grown}px`;
  return {
    "height": grown,
    "dragmode": false,
    "legend.orientation": "h",
    "legend.x": 0,
    "legend.xanchor": "left",
    "legend.y": -margin.b / plot,
    "legend.yanchor": "top",
    "margin.t": TOP,
    "font.size": 11,
  };
}

// Moves a legend below out of the way of tick labels that stand upright.
async function apart(place) {
  const legend = place.querySelector(".legend");
  if (!NARROW.matches || !legend) return;
  const ends = [...place.querySelectorAll(".xtick text")].map((tick) => tick.getBoundingClientRect().bottom);
  const over = Math.max(...ends, 0) - legend.getBoundingClientRect().top;
  if (over <= 0) return;
  const { height, margin, legend: { y } } = place.layout;
  const plot = height - margin.t - margin.b - legend.getBBox().height;
  const grown = height + over + 8;
  place.style.height = `${grown}px`;
  await Plotly.relayout(place, { "height": grown, "legend.y": y - (over + 8) / plot });
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
  place.style.height = `${layout.height || HEIGHT}px`;
  place.hidden = false;
  try {
    await Plotly.newPlot(place, figure.data, layout, options());
    await Plotly.relayout(place, { ...colours(), ...fitted(place, layout) });
    await apart(place);
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
