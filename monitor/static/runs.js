// The runs: a list with a report each, two of them compared; one started from here, followed and stopped.

import { $, _, at, between, count, day, get, lasting, make, mark, minute, percent, WORDS, write } from './common.js';

const VERDICTS = { ...WORDS, broken: _('La contabilidad no cuadra') };
const STAGES = {
  starting: _('Empieza'), loading: _('Pone carga'), settling: _('Espera las últimas respuestas y concilia'),
};
const EVERY = { going: 1000, idle: 5000 }; // ms between two looks
const SHOWN = 8; // runs, until somebody asks for all
const INCOMPARABLE = 4; // exit code of a comparison of runs under different loads
const JSON_TYPE = { 'Content-Type': 'application/json' };

const known = { marked: [], drawn: '', asked: -Infinity, current: null, seen: null, all: false };

// ---- asking -------------------------------------------------------------------------------------------------------

/** Look at the list and at the run that goes on, if it is time to. */
export async function refreshRuns() {
  const isGoing = known.current && known.current.stage !== 'ended';
  if (performance.now() - known.asked < EVERY[isGoing ? 'going' : 'idle']) return;
  known.asked = performance.now();
  const [response, body] = await get('api/runs', { signal: AbortSignal.timeout(5000) }).catch(() => [{ ok: false }]);
  if (response.ok) show(body);
}

async function act(path, body) {
  refuse('');
  try {
    const [response, answer] = await get(path, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
    if (!response.ok) refuse(answer.detail ?? answer.title);
  } catch (error) {
    refuse(error.message);
  }
  known.asked = -Infinity;
  await refreshRuns();
}

function refuse(text) {
  mark($('run-refusal'), 'refused', text);
  $('run-refusal').hidden = !text;
}

// ---- drawing ------------------------------------------------------------------------------------------------------

function show({ runs, current, refusal }) {
  known.current = current;
  const isGoing = current !== null && current.stage !== 'ended';
  if (isGoing) known.seen = current.id; // how it ended is news only to who saw it go
  showCurrent(current, isGoing);
  for (const element of $('start').elements) element.disabled = isGoing || refusal !== null;
  write($('start-why'), refusal ?? '');
  $('start-why').hidden = refusal === null;
  $('no-runs').hidden = runs.length > 0;
  $('runs').parentElement.hidden = !runs.length;
  known.marked = known.marked.filter((name) => runs.some((run) => run.name === name));
  const drawn = JSON.stringify([runs, isGoing]);
  if (drawn !== known.drawn) $('runs').replaceChildren(...runs.map(runRow)); // the focus stays while nothing changes
  known.drawn = drawn;
  write($('all-runs'), _('Mostrar las {n}', { n: count(runs.length) }));
  $('all-runs').hidden = known.all || runs.length <= SHOWN;
  [...$('runs').children].forEach((row, place) => { row.hidden = !known.all && place >= SHOWN; });
  showMarked();
}

function showCurrent(current, isGoing) {
  $('current').hidden = !current || (!isGoing && current.id !== known.seen);
  if ($('current').hidden) return;
  const { stage, name, threads, requests, done, planned, started, stopping, judged, said } = current;
  const doing = stopping ? _('{stage}, deteniéndose', { stage: STAGES[stage] }) : STAGES[stage];
  if (isGoing) {
    const asked = { name, threads: count(threads), requests: count(requests), time: at(started) };
    mark($('current-text'), 'in_flight',
      _('«{name}», {threads} × {requests}, desde las {time}. {stage}: {done} de {planned} peticiones',
        { ...asked, stage: doing, done: count(done), planned: count(planned) }));
  } else if (judged) {
    mark($('current-text'), 'up', _('«{name}» terminó: ya está en la lista', { name }));
  } else {
    mark($('current-text'), 'refused', said
      ? _('«{name}» terminó: sin informe. Lo último que dijo: {said}', { name, said })
      : _('«{name}» terminó: sin informe, y no dijo nada', { name }));
  }
  // Read aloud when it changes, not with every request.
  write($('current-said'), isGoing ? doing : _('«{name}» terminó', { name }));
  $('current-bar').value = planned ? done / planned : 0;
  $('current-bar').hidden = $('stop').hidden = !isGoing;
  $('stop').disabled = stopping && stage !== 'settling';
}

function runRow(run) {
  const box = make('input', { type: 'checkbox', 'aria-label': _('Marcar {name} para comparar', run), value: run.name });
  box.checked = known.marked.includes(run.name);
  box.addEventListener('change', () => choose(run.name, box.checked));
  const when = run.started == null ? '' : `${day.format(run.started * 1000)}, ${minute.format(run.started * 1000)} · `;
  const verdict = verdictCell(run);
  const { ratio, low, high, total } = run.service;
  const service = make('td', { class: 'service-column' }, ratio == null ? '—' : percent(ratio));
  if (low != null && high != null) {
    service.append(make('small', {}, `${between(low, high)} · n = ${count(total)}`));
  }
  const report = run.report
    ? make('a', { href: `runs/${run.name}/report.html`, 'aria-label': _('Informe de {name}', run) }, _('Informe'))
    : '—';
  return make('tr', {}, make('td', {}, box),
    make('th', { scope: 'row' }, run.name.replace(/^\d{8}-\d{6}-/, ''), make('small', {}, when + load(run.asked, run.seconds))),
    verdict, service, make('td', { class: 'number' }, report));
}

function verdictCell({ name, verdict, interrupted }) {
  const { current } = known;
  const isGoing = current !== null && current.stage !== 'ended' && current.folder === name;
  if (verdict === null) return make('td', { class: 'none' }, isGoing ? WORDS.in_flight : _('Sin juzgar'));
  const status = verdict === 'broken' ? 'not_met' : verdict;
  const cell = make('td', { class: 'mark verdict', 'data-status': status }, VERDICTS[verdict]);
  if (interrupted) cell.append(' ', make('small', {}, _('interrumpida')));
  return cell;
}

function load({ threads, requests, rate }, seconds) {
  const users = threads != null ? `${count(threads)} × ${count(requests)}` : _('carga sin anotar');
  const asked = rate != null ? `${count(rate)}/s` : users;
  return seconds == null ? asked : `${asked} · ${lasting(seconds * 1000, 0)}`;
}

// ---- two compared ---------------------------------------------------------------------------------------------------

function choose(name, isMarked) {
  known.marked = known.marked.filter((each) => each !== name);
  if (isMarked) known.marked = [...known.marked, name].slice(-2); // a third one takes the place of the first
  showMarked();
}

function showMarked() {
  for (const box of $('runs').querySelectorAll('input')) box.checked = known.marked.includes(box.value);
  $('compare').disabled = known.marked.length !== 2;
}

async function compare(anyway) {
  const [a, b] = [...known.marked].sort(); // the older one first
  write($('comparison-text'), _('Comparando…'));
  $('anyway').hidden = true;
  if (!$('comparison').open) $('comparison').showModal();
  const query = new URLSearchParams({ a, b, anyway });
  const [response, body] = await get(`api/comparison?${query}`).catch((error) => [{ ok: false }, { detail: error.message }]);
  write($('comparison-text'), response.ok ? body.text : body.detail ?? body.title);
  $('anyway').hidden = !response.ok || body.exit !== INCOMPARABLE;
}

$('start').addEventListener('submit', (event) => {
  event.preventDefault();
  const { threads, requests, name } = event.target.elements;
  act('api/runs', { threads: threads.valueAsNumber, requests: requests.valueAsNumber, name: name.value });
});
$('stop').addEventListener('click', () => act(`api/runs/${known.current.id}/stop`, {}));
$('all-runs').addEventListener('click', () => {
  Object.assign(known, { all: true, asked: -Infinity });
  refreshRuns();
});
$('compare').addEventListener('click', () => compare(0));
$('anyway').addEventListener('click', () => compare(1));
