"use strict";
// Draws the charts and shows times in the reader's own zone. Everything it needs is in the page.

(() => {
  const { timeline, target, marks } = JSON.parse(document.getElementById("data").textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const faint = (ink, share) => ink + Math.round(share * 255).toString(16).padStart(2, "0"); // every colour is #rrggbb
  const language = document.documentElement.lang;
  // As comun.figures writes them: in Spanish a narrow space stands between thousands and before the percent sign.
  const number = (value, options) => new Intl.NumberFormat(language, { useGrouping: "always", ...options })
    .formatToParts(value)
    .map(({ type, value: part }) => (language === "es" && (type === "group" || type === "literal") ? "\u202f" : part))
    .join("");
  const rounded = (value) => number(value, { maximumFractionDigits: 1 });
  const percent = (share, digits) =>
    number(share, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
  const starts = timeline.total.map((_, index) => index * timeline.step);
  const ends = starts.map((start) => start + timeline.step);
  const span = { time: false, range: [0, ends.at(-1) ?? 1] };
  const charts = [];

  const axis = (extra) => ({
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
    ...extra,
  });
  const elapsed = (extra) => axis({
    grid: { show: false },
    size: 30,
    space: 60,
    values: (_, ticks) => ticks.map((tick) => (tick >= 120 ? `${rounded(tick / 60)}\u202fmin` : `${rounded(tick)}\u202fs`)),
    ...extra,
  });

  function drawTarget(plot) {
    if (target === null) return;
    const y = Math.round(plot.valToPos(target, "y", true));
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.strokeStyle = colour("text");
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  // What happened to the suite, on each chart: stretches behind the figures, moments over them.
  function drawSpans({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.fillStyle = faint(colour("bad"), 0.12);
    for (const [first, last] of marks.spans) {
      const from = Math.max(bbox.left, valToPos(first, "x", true));
      const to = Math.min(bbox.left + bbox.width, valToPos(last, "x", true));
      if (to >= from) ctx.fillRect(from, bbox.top, Math.max(to - from, 2 * devicePixelRatio), bbox.height);
    }
    ctx.restore();
  }

  function drawMarks({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.setLineDash([]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const [moments, name] of [[marks.good, "good"], [marks.bad, "bad"]]) {
      ctx.strokeStyle = colour(name);
      for (const moment of moments) {
        const x = Math.round(valToPos(moment, "x", true)) + 0.5; // the middle of a pixel: a sharp line
        if (x >= bbox.left && x <= bbox.left + bbox.width) ctx.stroke(new Path2D(`M${x} ${bbox.top}v${bbox.height}`));
      }
    }
    ctx.restore();
  }

  const marked = (...more) => ({ drawClear: [drawSpans], draw: [...more, drawMarks] });

  // The first intervals of a run are very wide; the axis shows the last three quarters of them whole.
  function floor() {
    const settled = timeline.low.slice(Math.floor(timeline.low.length / 4));
    const lowest = Math.min(...settled, ...timeline.ratio.slice(Math.floor(timeline.ratio.length / 4)), target ?? 1);
    return Math.max(0, 1 - (1 - lowest) * 1.15 - 1e-4);
  }

  function drawAvailability(root) {
    const low = floor();
    const digits = 1 - low < 0.02 ? 2 : 1 - low < 0.2 ? 1 : 0;
    const ink = colour("accent");
    return new uPlot({
      width: root.clientWidth,
      height: root.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: span, y: { range: [low, 1 + (1 - low) * 0.04] } },
      axes: [elapsed(), axis({ size: 62, values: (_, ticks) => ticks.map((tick) => (tick > 1.0000001 ? "" : percent(tick, digits))) })],
      series: [
        {},
        { stroke: faint(ink, 0.35), width: 1, points: { show: false } },
        { stroke: faint(ink, 0.35), width: 1, points: { show: false } },
        { stroke: ink, width: 2.5, points: { show: ends.length < 2 } },
      ],
      bands: [{ series: [1, 2], fill: faint(ink, 0.16) }],
      hooks: marked(drawTarget),
    }, [ends, timeline.high, timeline.low, timeline.ratio], root);
  }

  function drawRequests(root) {
    const bars = uPlot.paths.bars({ size: [0.86, 40], align: 1 });
    const failed = timeline.total.map((total, index) => total - timeline.good[index]);
    return new uPlot({
      width: root.clientWidth,
      height: root.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: span, y: { range: [0, Math.max(...timeline.total, 1)] } },
      axes: [elapsed(), axis({
        size: 62,
        space: 28,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5],
        values: (_, ticks) => ticks.map(rounded),
      })],
      series: [
        {},
        { paths: bars, fill: colour("calm"), width: 0, points: { show: false } },
        { paths: bars, fill: colour("bad"), width: 0, points: { show: false } },
      ],
      hooks: marked(),
    }, [starts, timeline.total, failed], root);
  }

  const time = (us) => {
    const [value, unit] = us < 1e3 ? [us, "µs"] : us < 1e6 ? [us / 1e3, "ms"] : [us / 1e6, "s"];
    return `${number(value, { maximumSignificantDigits: 3 })}\u202f${unit}`;
  };

  // On a logarithmic axis, since an outage takes a thousand times as long as an answer. A point stands at the middle
  // of its step.
  function drawLatency(root) {
    const shown = Object.entries(timeline.latency).flatMap(([stage, ranks]) =>
      Object.entries(ranks).map(([rank, values]) => ({ ink: colour(stage === "get" ? "hop4" : "accent"), rank, values })));
    const known = shown.flatMap(({ values }) => values).filter((value) => value !== null && value > 0);
    const low = Math.floor(Math.log10(Math.min(...known, 1e3)));
    const high = Math.ceil(Math.log10(Math.max(...known, 1e3) + 1));
    const decades = Array.from({ length: high - low + 1 }, (_, place) => 10 ** (low + place));
    return new uPlot({
      width: root.clientWidth,
      height: root.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: span, y: { distr: 3, range: [10 ** low, 10 ** high] } },
      axes: [elapsed(), axis({ size: 62, splits: () => decades, values: (_, ticks) => ticks.map(time) })],
      series: [{}, ...shown.map(({ ink, rank }) => ({
        stroke: ink,
        width: rank === "p50" ? 2 : 1.5,
        dash: rank === "p50" ? [] : [5, 4],
        points: { show: ends.length < 2 },
      }))],
      hooks: marked(),
    }, [starts.map((start) => start + timeline.step / 2), ...shown.map(({ values }) => values)], root);
  }

  function draw() {
    charts.splice(0).forEach((chart) => chart.destroy());
    if (!ends.length) return;
    const latency = document.getElementById("latency");
    if (latency) charts.push(drawLatency(latency));
    charts.push(drawAvailability(document.getElementById("availability")), drawRequests(document.getElementById("requests")));
  }

  function showOwnTimes() {
    const day = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short", hourCycle: "h23" });
    const fine = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    const point = number(0.5)[1];
    for (const element of document.querySelectorAll("time[data-us]")) {
      const us = Number(element.dataset.us);
      const date = new Date(us / 1000);
      element.dateTime = date.toISOString();
      element.textContent = "fine" in element.dataset
        ? `${fine.format(date)}${point}${String(us % 1e6).padStart(6, "0")}`
        : "clock" in element.dataset ? fine.format(date) : day.format(date);
    }
  }

  showOwnTimes();
  draw();
  let waiting = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(draw);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
