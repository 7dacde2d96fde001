// The panel: asks /api/state once a second and draws the answer; sends a check and shows its way.

import { refresh, showTimeline } from './chart.js';
import { $, WORDS, ago, at, count, get, lasting, make, mark, percent, server, serverNow, share, write } from './common.js';
import { refreshRuns } from './runs.js';
import { HOPS, openTrail } from './trail.js';

const STATIONS = [...document.querySelectorAll('.station')].map(({ id }) => id.slice('station-'.length)); // in order
const WINDOWS = { '1m': '1 min', '5m': '5 min', '1h': '1 h', '24h': '24 h' };
const RULES = { // why, from where the interval lies
  met: 'Cumple porque lo exigido queda por debajo de todo el intervalo de confianza',
  not_met: 'No cumple porque lo exigido queda por encima de todo el intervalo de confianza',
  inconclusive: 'No se puede decidir porque lo exigido queda dentro del intervalo de confianza',
};
const ERROR = 0.025; // the chance of a wrong bound that the interval allows at each end
const METRICS = { service: 'servicio', reported: 'disponibilidad informada' };
const POLL_MS = 1000;
const STALE_MS = 3000;
const STUCK_MS = 2000; // from when on a message in a queue waits, instead of passing through
const TRAVEL_MS = 3200; // how long the picture takes to show a trip that really lasts a few milliseconds

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const live = { state: null, etag: null, seen: 0, resumed: Date.now(), asking: false };

// ---- the state, part by part --------------------------------------------------------------------------------------

function show(state) {
  live.state = state;
  server.offset = state.now - Date.now() / 1000;
  $('broker-away').hidden = state.broker.ok;
  showReceptor(state.receptor);
  showVerdict(state);
  $('windows').replaceChildren(...state.windows.map(windowRow));
  state.stations.forEach((station) => showStation(state.broker.ok || station.id === 'api'
    ? station
    : { ...station, state: 'silent', depth: null, oldest_ms: null }));
  showFlow(state);
  showPending(state);
  showFacts(state);
  showTimeline(state);
  showLists(state);
}

function showReceptor({ status }) {
  mark($('receptor'), status ?? 'unknown');
  document.title = `${WORDS[status ?? 'unknown']} · Experimento de disponibilidad`;
}

function receptorNote({ status, since, answered, setting }, deadline) {
  const parts = [];
  if (status && since) parts.push(`desde las ${at(since)} (${ago(since, serverNow())})`);
  const old = answered != null && status !== 'unanswered' && serverNow() - answered > deadline;
  if (old) parts.push(`última respuesta ${ago(answered, serverNow())}: nadie ha preguntado después`);
  if (status == null) parts.push('todavía no ha contestado ninguna consulta: pulse «Consultar estado»');
  if (setting != null) parts.push(`simula estar disponible el ${share.format(setting)} de las veces`);
  return parts.join(' · ');
}

function showVerdict({ requirement: { metric, target, verdict, window }, windows }) {
  mark($('verdict'), verdict);
  const got = windows.find((each) => each.window === window)?.[metric];
  const figure = got?.ratio == null ? 'aún no hay consultas' : `${percent(got.ratio)} en ${count(got.total)} consultas`;
  const asked = `Se exige ${METRICS[metric]} ≥ ${share.format(target)} en los últimos ${WINDOWS[window]}`;
  const range = got?.ratio == null ? '' : ` ${RULES[verdict]}, que va del ${percent(got.low)} al ${percent(got.high)}.`;
  const least = Math.ceil(Math.log(ERROR) / Math.log(target)); // as few as these prove it, if none fails
  const missing = (got?.total ?? 0) < least ? ` Para demostrarlo hacen falta al menos ${count(least)} sin ningún fallo.` : '';
  write($('verdict-note'), `${asked}: ${figure}.${range}${missing}`);
  $('target').hidden = got?.ratio == null;
  if ($('target').hidden) return;
  const from = 2 * target - 1; // what is required stands in the middle of the scale, 100 % at its right end
  const zoomed = (value) => Math.max(0, (value - from) / (1 - from));
  drawInterval($('target').querySelector('.interval'), zoomed(got.low), zoomed(got.ratio), zoomed(got.high));
  write($('target-low'), `≤ ${share.format(from)}`);
  write($('target-mark'), `${share.format(target)} exigido`);
}

function drawInterval(scale, low, ratio, high) {
  for (const [name, value] of Object.entries({ low, ratio, high })) scale.style.setProperty(`--${name}`, value);
}

function windowRow({ window, service, reported, unknown_seconds: unknown }) {
  const head = make('th', { scope: 'row' }, WINDOWS[window]);
  if (unknown) head.append(make('small', {}, `${lasting(unknown * 1000)} sin vigilar`));
  return make('tr', {}, head, ratioCell(service), ratioCell(reported));
}

function ratioCell({ ratio, low, high, total }) {
  if (ratio == null) return make('td', { class: 'none' }, 'sin consultas');
  const range = make('small', {}, `${percent(low).replace(/\s*%/, '')} a ${percent(high)}`);
  const scale = make('span', { class: 'interval', 'aria-hidden': 'true' }, make('i'), make('b'));
  drawInterval(scale, low, ratio, high);
  return make('td', {}, make('strong', {}, percent(ratio)), range, make('small', {}, `n = ${count(total)}`), scale);
}

function showStation(station) {
  const element = $(`station-${station.id}`);
  const fill = (name, text) => {
    const place = element.querySelector(`[data-fill="${name}"]`);
    if (place) write(place, text);
  };
  element.dataset.state = station.state;
  element.classList.toggle('busy', station.depth > 0);
  element.classList.toggle('stuck', isStuck(station));
  fill('queue', station.queue);
  fill('depth', count(station.depth));
  fill('age', station.depth > 0 && station.oldest_ms != null ? `espera ${lasting(station.oldest_ms)}` : '');
  mark(element.querySelector('.alive'), station.state,
    station.state === 'up' && station.workers ? `${count(station.workers)} en marcha` : WORDS[station.state]);
  fill('median', station.median_ms == null ? '' : `mediana ${lasting(station.median_ms)}`);
  for (const rank of ['p95', 'p99']) fill(rank, station[`${rank}_ms`] == null ? '' : `${rank} ${lasting(station[`${rank}_ms`])}`);
}

const isStuck = ({ depth, oldest_ms: age }) => depth > 0 && age >= STUCK_MS;

function showFlow({ broker, stations }) {
  $('flow').dataset.broker = broker.ok ? 'up' : 'down';
  const down = stations.filter(({ state }) => state === 'down').map(({ title }) => title);
  const queues = new Map(stations.filter(isStuck).map((station) => [station.queue, station]));
  const waiting = [...queues.values()].map(({ queue, depth, oldest_ms: age }) =>
    `${count(depth)} en «${queue}» (el más antiguo, ${lasting(age)})`);
  const parts = [];
  if (down.length) parts.push(`${down.length > 1 ? 'Están parados' : 'Está parado'}: ${down.join(', ')}`);
  if (waiting.length) parts.push(`Mensajes que esperan: ${waiting.join(', ')}`);
  if (!broker.ok) mark($('flow-note'), 'down', 'El broker no responde: no se sabe qué sigue en marcha ni cuánto espera.');
  else mark($('flow-note'), down.length ? 'down' : waiting.length ? 'waiting' : 'up',
    parts.length ? `${parts.join('. ')}.` : `Todo está en marcha y ningún mensaje espera más de ${lasting(STUCK_MS, 0)}.`);
}

function showPending({ broker, outbox, deadline }) {
  const age = outbox.oldest_ms;
  const since = age == null ? '' : `, la más antigua desde las ${at(serverNow() - age / 1000)} (hace ${lasting(age, 0)})`;
  const limit = lasting(deadline * 1000, 0);
  write($('pending'), !broker.ok ? 'Consultas en curso: no se sabe, el broker no responde.' : outbox.size
    ? `${count(outbox.size)} ${outbox.size > 1 ? 'consultas' : 'consulta'} en curso${since}; ninguna cuenta hasta que termina o pasan ${limit}.`
    : `Ninguna consulta en curso; las que lo están no cuentan hasta que terminan o pasan ${limit}.`);
}

function showFacts({ broker, resent, dead_letters: dead, failing, refused, unreadable }) {
  const facts = [
    ['Broker', broker.ok ? 'en línea' : 'no responde', !broker.ok],
    ['Reenviadas', broker.ok ? count(resent) : '—', false],
    ['Mensajes inválidos', broker.ok ? count(dead) : '—', broker.ok && dead > 0],
    ...failing.map(({ process, loop, error }) => ['Falla una y otra vez', `${loop} de «${process}»: ${error}`, true]),
    ...refused.map(({ code, commands }) => ['Rechazos del broker', `${count(commands)} con ${code}`, true]),
    ...unreadable.map(({ key, entries }) => ['Entradas ilegibles', `${count(entries)} en «${key}»`, true]),
  ];
  $('facts').replaceChildren(...facts.map(([name, text, bad]) =>
    make('div', bad ? { class: 'bad' } : {}, make('dt', {}, name), make('dd', {}, text))));
}

// ---- lists that keep still while someone reads them -----------------------------------------------------------------

const beingRead = (list) => list.matches(':hover, :focus-within');

function showLists({ checks, logs }) {
  showChecks(checks);
  showLogs(logs);
}

function showChecks(checks) {
  const body = $('checks');
  $('no-checks').hidden = checks.length > 0;
  body.parentElement.hidden = !checks.length;
  if (beingRead(body)) return;
  const old = new Map([...body.children].map((row) => [row.dataset.id, row]));
  body.replaceChildren(...checks.map((check) => old.get(check.id) ?? checkRow(check)));
  const oldestFirst = [...checks].reverse();
  $('strip').replaceChildren(...oldestFirst.map(({ status }) => make('li', { class: 'mark', 'data-status': status })));
}

function checkRow(check) {
  const open = make('button', { type: 'button', title: check.id }, at(check.requested));
  open.addEventListener('click', () => openTrail(check));
  const bar = make('span', { class: 'spans', 'aria-hidden': 'true' });
  for (const ms of legs(check.hops)) bar.append(make('i')), bar.lastChild.style.setProperty('--share', ms);
  const status = make('td', { class: 'mark', 'data-status': check.status }, WORDS[check.status]);
  if (check.late) status.append(make('small', {}, ' con retraso'));
  return make('tr', { 'data-id': check.id }, make('td', {}, open), status,
    make('td', { class: 'trail-column' }, bar), make('td', { class: 'number' }, lasting(check.total_ms)));
}

function showLogs(lines) {
  if (beingRead($('logs'))) return;
  $('logs').replaceChildren(...lines.map((line) => {
    const cut = line.indexOf('] - ') + 1;
    return make('li', {}, make('span', {}, line.slice(0, cut)), line.slice(cut));
  }));
}

// ---- one check, sent from here and watched ------------------------------------------------------------------------

const legs = (hops) => hops.slice(1).flatMap((time, index) => (time && hops[index] ? [(time - hops[index]) * 1000] : []));
const seconds = (iso) => (iso ? Math.floor(Date.parse(iso) / 1000) + Number(/\.\d+/.exec(iso)?.[0] ?? 0) : null);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function ask() {
  if (live.asking) return;
  live.asking = true;
  $('show-trail').hidden = true;
  STATIONS.forEach((id) => arrive(id, ''));
  mark($('answer'), 'in_flight', 'Consulta en curso…');
  const check = await endOfCheck().catch((error) => mark($('answer'), 'refused', error.message));
  if (check) await follow(check);
  live.asking = false;
}

async function endOfCheck() {
  let [response, body] = await get('status?wait=10');
  while (response.status === 202) {
    await pause(500);
    [response, body] = await get(`status/${body.id}`);
  }
  if (!response.ok) throw new Error(`Rechazada: ${body.detail ?? body.title ?? response.status}`);
  return { ...body, hops: HOPS.map(({ hop }) => seconds(body.hops[hop])) };
}

async function follow(check) {
  const times = legs(check.hops);
  const total = times.reduce((sum, ms) => sum + ms, 0);
  const slower = count(Math.round(TRAVEL_MS / total));
  if (!calm.matches && total) mark($('answer'), 'in_flight', `Su recorrido, a cámara lenta (×${slower})`);
  arrive('api', at(check.hops[0]));
  for (const [index, ms] of times.entries()) {
    await travel(STATIONS[index], STATIONS[index + 1], Math.max(250, (ms / total) * TRAVEL_MS));
    arrive(STATIONS[index + 1], `+${lasting(ms)}`);
  }
  if (check.status !== 'unanswered') {
    await travel('monitor', 'logs', 400);
    arrive('logs', 'anotada');
  }
  $('token').hidden = true;
  mark($('answer'), check.status, WORDS[check.status] + (total ? ` en ${lasting(total)}` : ''));
  $('show-trail').hidden = false;
  $('show-trail').onclick = () => openTrail(check);
}

function arrive(id, text) {
  const station = $(`station-${id}`);
  station.classList.toggle('reached', text !== '');
  write(station.querySelector('.arrived'), text);
}

async function travel(from, to, ms) {
  if (calm.matches) return;
  const [flow, start, end] = [$('flow'), ...[from, to].map((id) => $(`station-${id}`).querySelector('.node'))]
    .map((element) => element.getBoundingClientRect());
  const beside = end.left >= start.right;
  const path = beside
    ? [[start.right, start.top + start.height / 2], [end.left, end.top + end.height / 2]]
    : [[start.left + 28, start.bottom], [end.left + 28, end.top]];
  const frames = path.map(([x, y]) => ({ transform: `translate(${x - flow.left}px, ${y - flow.top}px)` }));
  $('token').hidden = false;
  await $('token').animate(frames, { duration: ms, easing: 'ease-in-out', fill: 'forwards' }).finished;
}

// ---- the loop ---------------------------------------------------------------------------------------------------

async function poll() {
  const headers = live.etag ? { 'If-None-Match': live.etag } : {};
  const answer = await get('api/state', { headers, signal: AbortSignal.timeout(2500) }).catch(() => null);
  if (!answer || (answer[0].status !== 304 && !answer[0].ok)) return; // `tick` tells that the figures grow old
  const [response, state] = answer;
  live.seen = Date.now();
  if (state) show(state);
  else showLists(live.state); // somebody may have stopped reading
  live.etag = response.headers.get('ETag');
}

function tick() {
  const now = Date.now();
  const stale = now - Math.max(live.seen, live.resumed) > STALE_MS;
  $('stale').hidden = !stale;
  document.body.classList.toggle('is-stale', stale);
  write($('stale-age'), live.seen ? `Datos de ${ago(live.seen / 1000, now / 1000)}.` : 'Todavía no hay datos.');
  $('link').dataset.link = stale ? 'lost' : live.seen ? 'live' : 'waiting';
  write($('link'), { lost: 'Sin conexión', live: 'En directo', waiting: 'Conectando…' }[$('link').dataset.link]);
  if (live.state) write($('receptor-note'), receptorNote(live.state.receptor, live.state.deadline));
}

async function loop() {
  try {
    if (!document.hidden) { // a tab nobody sees costs nothing
      refresh();
      refreshRuns();
      await poll();
    }
  } finally {
    tick();
    setTimeout(loop, POLL_MS);
  }
}

setInterval(tick, POLL_MS); // also while a poll hangs

$('ask').addEventListener('click', ask);
document.addEventListener('visibilitychange', () => { live.resumed = Date.now(); });
loop();
