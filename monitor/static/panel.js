// The panel: asks /api/state once a second and draws the answer; sends a check and shows its way.

import { refresh, showTimeline } from './chart.js';
import {
  $, LANGUAGE, WORDS, _, ago, at, between, count, get, lasting, make, mark, ngettext, percent, server, serverNow, share, write,
} from './common.js';
import { refreshRuns } from './runs.js';
import { HOPS, openTrail } from './trail.js';

const STATIONS = [...document.querySelectorAll('.station')].map(({ id }) => id.slice('station-'.length)); // in order
const WINDOWS = { '1m': '1 min', '5m': '5 min', '1h': '1 h', '24h': '24 h' };
const RULES = { // why, from where the interval lies
  met: _('Cumple porque lo exigido queda por debajo de todo el intervalo de confianza, que va del {low} al {high}.'),
  not_met: _('No cumple porque lo exigido queda por encima de todo el intervalo de confianza, que va del {low} al {high}.'),
  inconclusive: _('No se puede decidir porque lo exigido queda dentro del intervalo de confianza, que va del {low} al {high}.'),
};
const REFUSALS = { // why a check was refused, from how long to wait: `GET /status` itself speaks nothing but Spanish
  1: _('ya hay demasiadas consultas en curso'),
  2: _('el broker no pudo guardarla a tiempo'),
  5: _('el reloj de la máquina del monitor marca una hora absurda'),
};
const ERROR = 0.025; // the chance of a wrong bound that the interval allows at each end
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
  document.title = [WORDS[status ?? 'unknown'], _('Experimento de disponibilidad')].join(' · ');
}

function receptorNote({ status, since, answered, setting, model }, deadline) {
  const parts = [];
  if (status && since) parts.push(_('desde las {time} ({ago})', { time: at(since), ago: ago(since, serverNow()) }));
  const old = answered != null && status !== 'unanswered' && serverNow() - answered > deadline;
  if (old) parts.push(_('última respuesta {ago}: nadie ha preguntado después', { ago: ago(answered, serverNow()) }));
  if (status == null) parts.push(_('todavía no ha contestado ninguna consulta: pulse «Consultar estado»'));
  if (setting != null) parts.push(_('simula estar disponible el {share} de las veces', { share: share(setting) }));
  if (model && !/^bernoulli\?p=[\d.]+(&seed=\d+)?$/.test(model)) parts.push(_('detrás: {model}', { model }));
  return parts.join(' · ');
}

function showVerdict({ requirement: { metric, target, verdict, window }, windows }) {
  mark($('verdict'), verdict);
  const got = windows.find((each) => each.window === window)?.[metric];
  const asked = { target: share(target), window: WINDOWS[window] };
  const sentences = [];
  if (got?.ratio == null) {
    sentences.push(_('Se exige servicio ≥ {target} en los últimos {window}: aún no hay consultas.', asked));
  } else {
    sentences.push(ngettext(
      'Se exige servicio ≥ {target} en los últimos {window}: {got} en {n} consulta.',
      'Se exige servicio ≥ {target} en los últimos {window}: {got} en {n} consultas.',
      got.total, { ...asked, got: percent(got.ratio), n: count(got.total) }));
    sentences.push(_(RULES[verdict], { low: percent(got.low), high: percent(got.high) }));
  }
  const least = Math.ceil(Math.log(ERROR) / Math.log(target)); // as few as these prove it, if none fails
  if ((got?.total ?? 0) < least) {
    sentences.push(_('Para demostrarlo hacen falta al menos {n} sin ningún fallo.', { n: count(least) }));
  }
  write($('verdict-note'), sentences.join(' '));
  $('target').hidden = got?.ratio == null;
  if ($('target').hidden) return;
  const from = 2 * target - 1; // what is required stands in the middle of the scale, 100 % at its right end
  const zoomed = (value) => Math.max(0, (value - from) / (1 - from));
  drawInterval($('target').querySelector('.interval'), zoomed(got.low), zoomed(got.ratio), zoomed(got.high));
  write($('target-low'), `≤ ${share(from)}`);
  write($('target-mark'), _('{target} exigido', asked));
}

function drawInterval(scale, low, ratio, high) {
  for (const [name, value] of Object.entries({ low, ratio, high })) scale.style.setProperty(`--${name}`, value);
}

function windowRow({ window, service, reported, unknown_seconds: unknown }) {
  const head = make('th', { scope: 'row' }, WINDOWS[window]);
  if (unknown) head.append(make('small', {}, _('{time} sin vigilar', { time: lasting(unknown * 1000) })));
  return make('tr', {}, head, ratioCell(service), ratioCell(reported));
}

function ratioCell({ ratio, low, high, total }) {
  if (ratio == null) return make('td', { class: 'none' }, _('sin consultas'));
  const range = make('small', {}, between(low, high));
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
  fill('age', station.depth > 0 && station.oldest_ms != null ? _('espera {time}', { time: lasting(station.oldest_ms) }) : '');
  mark(element.querySelector('.alive'), station.state,
    station.state === 'up' && station.workers ? _('{n} en marcha', { n: count(station.workers) }) : WORDS[station.state]);
  fill('median', station.median_ms == null ? '' : _('mediana {time}', { time: lasting(station.median_ms) }));
  for (const rank of ['p95', 'p99']) fill(rank, station[`${rank}_ms`] == null ? '' : `${rank} ${lasting(station[`${rank}_ms`])}`);
}

const isStuck = ({ depth, oldest_ms: age }) => depth > 0 && age >= STUCK_MS;

function showFlow({ broker, stations }) {
  $('flow').dataset.broker = broker.ok ? 'up' : 'down';
  const down = stations.filter(({ state }) => state === 'down').map(({ title }) => title);
  const queues = new Map(stations.filter(isStuck).map((station) => [station.queue, station]));
  const waiting = [...queues.values()].map(({ queue, depth, oldest_ms: age }) =>
    _('{n} en «{queue}» (el más antiguo, {time})', { n: count(depth), queue, time: lasting(age) }));
  const parts = [];
  const names = down.join(', ');
  if (down.length) parts.push(ngettext('Está detenido: {names}.', 'Están detenidos: {names}.', down.length, { names }));
  if (waiting.length) parts.push(_('Mensajes que esperan: {list}.', { list: waiting.join(', ') }));
  const time = lasting(STUCK_MS, 0);
  if (!parts.length) parts.push(_('Todo está en marcha y ningún mensaje espera más de {time}.', { time }));
  if (!broker.ok) mark($('flow-note'), 'down', _('El broker no responde: no se sabe qué sigue en marcha ni cuánto espera.'));
  else mark($('flow-note'), down.length ? 'down' : waiting.length ? 'waiting' : 'up', parts.join(' '));
}

function showPending({ broker, outbox, deadline }) {
  const { size, oldest_ms: age } = outbox;
  const limit = lasting(deadline * 1000, 0);
  const now = serverNow();
  const since = now - age / 1000;
  const values = { n: count(size), limit, time: at(since), ago: ago(since, now) };
  let text = _('Ninguna consulta en curso; las que lo están no cuentan hasta que terminan o pasan {limit}.', values);
  if (!broker.ok) text = _('Consultas en curso: no se sabe, el broker no responde.');
  else if (size && age == null) text = ngettext('{n} consulta en curso; no cuenta hasta que termina o pasan {limit}.',
    '{n} consultas en curso; ninguna cuenta hasta que termina o pasan {limit}.', size, values);
  else if (size) text = ngettext('{n} consulta en curso, desde las {time} ({ago}); no cuenta hasta que termina o pasan {limit}.',
    '{n} consultas en curso, la más antigua desde las {time} ({ago}); ninguna cuenta hasta que termina o pasan {limit}.',
    size, values);
  write($('pending'), text);
}

function showFacts({ broker, resent, dead_letters: dead, failing, refused, unreadable }) {
  const facts = [
    [_('Broker'), broker.ok ? _('en línea') : _('no responde'), !broker.ok],
    [_('Reenviadas'), broker.ok ? count(resent) : '—', false],
    [_('Mensajes inválidos'), broker.ok ? count(dead) : '—', broker.ok && dead > 0],
    ...failing.map((each) => [_('Falla una y otra vez'), _('{loop} de «{process}»: {error}', each), true]),
    ...refused.map(({ code, commands }) => [_('Rechazos del broker'), _('{n} con {code}', { n: count(commands), code }), true]),
    ...unreadable.map(({ key, entries }) => [_('Entradas ilegibles'), _('{n} en «{key}»', { n: count(entries), key }), true]),
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
  if (check.late) status.append(' ', make('small', {}, _('con retraso')));
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
  mark($('answer'), 'in_flight', _('Consulta en curso…'));
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
  if (!response.ok) throw new Error(_('Rechazada: {why}', { why: whyRefused(response, body) }));
  return { ...body, hops: HOPS.map(({ hop }) => seconds(body.hops[hop])) };
}

function whyRefused(response, { detail, title }) {
  const said = LANGUAGE === 'es' ? detail : REFUSALS[response.headers.get('Retry-After')];
  return said ?? title ?? response.status;
}

async function follow(check) {
  const times = legs(check.hops);
  const total = times.reduce((sum, ms) => sum + ms, 0);
  const slower = count(Math.round(TRAVEL_MS / total));
  if (!calm.matches && total) mark($('answer'), 'in_flight', _('Su recorrido, a cámara lenta (×{times})', { times: slower }));
  arrive('api', at(check.hops[0]));
  for (const [index, ms] of times.entries()) {
    await travel(STATIONS[index], STATIONS[index + 1], Math.max(250, (ms / total) * TRAVEL_MS));
    arrive(STATIONS[index + 1], `+${lasting(ms)}`);
  }
  if (check.status !== 'unanswered') {
    await travel('monitor', 'logs', 400);
    arrive('logs', _('anotada'));
  }
  $('token').hidden = true;
  const ended = { status: WORDS[check.status], time: lasting(total) };
  mark($('answer'), check.status, total ? _('{status} en {time}', ended) : ended.status);
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
  write($('stale-age'), live.seen ? _('Datos de {ago}.', { ago: ago(live.seen / 1000, now / 1000) }) : _('Todavía no hay datos.'));
  $('link').dataset.link = stale ? 'lost' : live.seen ? 'live' : 'waiting';
  write($('link'), { lost: _('Sin conexión'), live: _('En directo'), waiting: _('Conectando…') }[$('link').dataset.link]);
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
