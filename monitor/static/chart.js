// The chart of answers: the last minutes from the state, longer spans from /api/history; events as marks on it.

import { $, WORDS, _, at, count, day, get, lasting, make, minute, ngettext, serverNow, write } from './common.js';

const CLASSES = ['available', 'unavailable', 'unanswered', 'refused']; // from the bottom up
const REASONS = { // why something was refused; what is left over is the clock's doing
  overloaded: (n) => _('{n} porque ya había demasiadas consultas en curso', { n }),
  unconfirmed: (n) => _('{n} porque el broker no respondió a tiempo', { n }),
};
const OTHER = (n) => _('{n} por otra causa, como un reloj absurdo en esta máquina', { n });
const LIVE = '5m'; // the span that the state itself brings
const SPANS = { // seconds, words, seconds between two readings, seconds between two marks of the time axis
  '5m': { length: 300, words: _('los últimos 5 minutos'), every: 5, marks: [60] },
  '1h': { length: 3600, words: _('la última hora'), every: 10, marks: [300, 600, 900, 1800] },
  '24h': { length: 86400, words: _('las últimas 24 horas'), every: 60, marks: [7200, 10800, 21600] },
  '7d': { length: 604800, words: _('los últimos 7 días'), every: 300, marks: [86400, 172800] },
  '30d': { length: 2592000, words: _('los últimos 30 días'), every: 300, marks: [259200, 432000, 864000] },
};
const SHOWN = 6; // events that are listed below the chart; all are marked on it
const HEIGHT = 190;
const WHOLE_STEPS = [1, 2, 5].flatMap((n) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((ten) => n * ten)).sort((a, b) => a - b);

const chart = { plot: null, span: LIVE, state: null, history: null, asked: -Infinity };
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const sum = (counts) => counts.reduce((total, n) => total + n, 0);

export function showTimeline(state) {
  chart.state = state;
  draw();
}

function draw() {
  const shown = series();
  const tops = shown.available.map(() => 0);
  const stacked = CLASSES.map((name) => tops.map((top, index) => {
    tops[index] = top + (shown[name][index] ?? 0);
    return tops[index] > top ? tops[index] : null; // a layer of height 0 would shine through at the edge
  }));
  const middles = tops.map((_, index) => shown.start + (index + 0.5) * shown.step);
  chart.plot ??= makePlot();
  chart.plot.setData([middles, ...stacked.reverse()]); // the tallest is drawn first, the others over it
  showLegend(chart.plot.cursor.idx);
  showEvents();
}

/** What is drawn: a start, a step, and for each class and reason its counts. */
function series() {
  if (chart.span === LIVE) return chart.state.timeline;
  const names = [...CLASSES, ...Object.keys(REASONS)];
  const { points = [], step = 1 } = chart.history ?? {};
  return { start: points[0]?.at ?? 0, step, ...Object.fromEntries(names.map((name) => [name, points.map((point) => point[name])])) };
}

function showLegend(index) {
  const shown = series();
  const figure = (name) => (index == null ? sum(shown[name]) : shown[name][index] ?? 0);
  const total = sum(CLASSES.map(figure));
  const { words } = SPANS[chart.span];
  write($('timeline-title'), shown.step === 1
    ? _('Respuestas por segundo en {span}', { span: words })
    : _('Respuestas cada {time} en {span}', { time: lasting(shown.step * 1000, 0), span: words }));
  const [n, time] = [count(total), moment(shown.start + (index ?? 0) * shown.step)];
  const then = isLong() ? `${n}, ${time}` : _('{n}, a las {time}', { n, time });
  write($('timeline-note'), index == null ? _('{n} en total', { n }) : then);
  $('legend').replaceChildren(...CLASSES.map((name) =>
    make('li', { class: 'mark', 'data-status': name }, `${WORDS[name]} `, make('b', {}, count(figure(name))))));
  showReasons(figure);
  $('chart').classList.toggle('is-empty', !sum(CLASSES.map((name) => sum(shown[name]))));
}

function showReasons(figure) {
  const known = Object.entries(REASONS).map(([name, say]) => [figure(name), say]);
  const rest = figure('refused') - sum(known.map(([n]) => n));
  const parts = [...known, [rest, OTHER]].filter(([n]) => n > 0).map(([n, say]) => say(count(n)));
  write($('why-refused'), _('Rechazadas con 503: {reasons}.', { reasons: parts.join(' · ') }));
  $('why-refused').hidden = !parts.length;
}

// ---- longer spans -------------------------------------------------------------------------------------------------

/** Ask for the span's history if it is old; the percentiles of the last five minutes come from there too. */
export async function refresh() {
  const { span } = chart;
  if (performance.now() - chart.asked < SPANS[span].every * 1000) return;
  chart.asked = performance.now();
  const [response, body] = await get(`api/history?window=${span}`, { signal: AbortSignal.timeout(5000) })
    .catch(() => [{ ok: false }]);
  if (span !== chart.span) return; // another one was chosen meanwhile
  if (response.ok) chart.history = body;
  showLatency(response.ok);
  if (response.ok && chart.state) draw();
}

function showLatency(ok) {
  const { p50, p95, p99 } = chart.history?.latency_ms ?? {};
  const times = p50 == null
    ? _('Sin respuestas que medir.')
    : _('Una respuesta tarda: mediana {p50} · p95 {p95} · p99 {p99}',
      { p50: lasting(p50), p95: lasting(p95), p99: lasting(p99) });
  write($('latency'), ok ? times : _('No se pudo leer este tramo; se vuelve a intentar.'));
}

function choose(span) {
  Object.assign(chart, { span, history: null, asked: -Infinity });
  for (const button of $('spans').children) button.setAttribute('aria-pressed', button.dataset.span === span);
  write($('latency'), _('Cargando…'));
  redraw();
  refresh();
}

// ---- events -------------------------------------------------------------------------------------------------------

const isLong = () => SPANS[chart.span].length > 86400;
const moment = (time) => (isLong() ? `${day.format(time * 1000)}, ${minute.format(time * 1000)}` : at(time));

function events() {
  const { length } = SPANS[chart.span];
  const known = chart.history?.events ?? chart.state.events;
  return (chart.span === LIVE ? chart.state.events : known).filter(({ at: when }) => when >= serverNow() - length);
}

function showEvents() {
  const found = [...events()].sort((one, other) => other.at - one.at);
  const rows = found.slice(0, SHOWN).map(({ at: when, kind, text }) =>
    make('li', { 'data-kind': kind }, make('time', {}, moment(when)), ` ${text}`));
  const n = found.length - SHOWN;
  const more = ngettext('y {n} más, señalado en la gráfica', 'y {n} más, señalados en la gráfica', n, { n: count(n) });
  if (n > 0) rows.push(make('li', { class: 'more' }, more));
  $('events').replaceChildren(...rows);
}

function drawEvents({ ctx, bbox, valToPos }) {
  const pixel = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = pixel;
  ctx.setLineDash([4 * pixel, 3 * pixel]);
  for (const { at: when, kind } of chart.state ? events() : []) {
    const x = Math.round(valToPos(when, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(kind);
    ctx.stroke(new Path2D(`M${x} ${bbox.top}v${bbox.height}`));
    ctx.fill(new Path2D(`M${x} ${bbox.top}l${-5 * pixel} ${-10 * pixel}h${10 * pixel}z`));
  }
  ctx.restore();
}

// ---- the picture ----------------------------------------------------------------------------------------------------

function makePlot() {
  const box = $('chart');
  const { length, marks } = SPANS[chart.span];
  const font = `12px ${getComputedStyle(box).fontFamily}`;
  const axis = { stroke: colour('muted'), font, grid: { stroke: colour('line'), width: 1 }, ticks: { show: false } };
  const look = { paths: uPlot.paths.bars({ size: [0.9], gap: 0 }), width: 0, points: { show: false } };
  const fill = (name) => colour(name === 'available' ? 'calm' : name);
  const words = length > 86400 ? day : minute;
  return new uPlot({
    width: box.clientWidth, height: HEIGHT, padding: [12, 22, 0, 0], legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    series: [{}, ...[...CLASSES].reverse().map((name) => ({ ...look, fill: fill(name) }))],
    scales: {
      x: { range: () => [serverNow() - length, serverNow()] },
      y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] },
    },
    axes: [
      { ...axis, incrs: marks, space: 46, size: 30, values: (_, splits) => splits.map((time) => words.format(time * 1000)) },
      { ...axis, incrs: WHOLE_STEPS, space: 36, size: 56, values: (_, splits) => splits.map(count) },
    ],
    hooks: { draw: [drawEvents], setCursor: [({ cursor }) => chart.state && showLegend(cursor.idx)] },
  }, [[], ...CLASSES.map(() => [])], box);
}

function redraw() {
  chart.plot?.destroy();
  chart.plot = null;
  if (chart.state) draw();
}

$('spans').addEventListener('click', ({ target }) => target.dataset.span && choose(target.dataset.span));
new ResizeObserver(([{ contentRect }]) => chart.plot?.setSize({ width: contentRect.width, height: HEIGHT })).observe($('chart'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
