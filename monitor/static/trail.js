// The trail of a check: the hops it made, as a sequence diagram and as a table.

import { $, _, exactly, lasting, make, mark, write } from './common.js';

export const HOPS = [
  // What happened at each hop, and in which lane of the sequence diagram.
  { hop: 'requested', what: _('Solicitada'), where: _('Monitor (API)'), lane: 0 },
  { hop: 'relayed', what: _('Reenviada'), where: _('Plataforma'), lane: 1 },
  { hop: 'answered', what: _('Respondida'), where: _('Receptor'), lane: 2 },
  { hop: 'returned', what: _('Devuelta'), where: _('Plataforma'), lane: 1 },
  { hop: 'received', what: _('Recibida'), where: _('Monitor (trabajador)'), lane: 0 },
];
const LANES = [_('Monitor'), _('Plataforma'), _('Receptor')];

export function openTrail({ id, status, hops }) {
  write($('trail-id'), id);
  mark($('trail-status'), status);
  $('trail-hops').replaceChildren(...HOPS.flatMap((hop, index) => (hops[index] ? [hopRow(hop, index, hops)] : [])));
  $('trail').showModal();
  $('trail-picture').replaceChildren(sequence(hops, $('trail-picture').clientWidth));
}

function hopRow({ what, where }, index, hops) {
  const before = hops[index - 1];
  return make('tr', {},
    make('th', { scope: 'row' }, `${index + 1}. ${what} `, make('small', {}, where)),
    make('td', {}, exactly(hops[index])),
    make('td', { class: 'number' }, before ? `+${lasting((hops[index] - before) * 1000)}` : ''));
}

function sequence(hops, width) {
  const step = 52;
  const height = 64 + step * 4 + 28;
  const x = (lane) => width * (0.15 + 0.35 * lane);
  const place = (index) => [x(HOPS[index].lane), 64 + step * index];
  const label = _('Diagrama de secuencia; la tabla siguiente dice lo mismo');
  const picture = make('svg:svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label });
  LANES.forEach((name, lane) => picture.append(
    make('svg:line', { class: 'lane', x1: x(lane), x2: x(lane), y1: 36, y2: height }),
    make('svg:text', { class: 'lane-name', x: x(lane), y: 22 }, name)));
  hops.forEach((time, index) => {
    if (!time) return;
    const [cx, cy] = place(index);
    if (hops[index - 1]) picture.append(...arrow(place(index - 1), [cx, cy], time - hops[index - 1]));
    picture.append(make('svg:circle', { class: 'hop', cx, cy, r: 11 }),
      make('svg:text', { class: 'hop-number', x: cx, y: cy + 4 }, String(index + 1)));
  });
  return picture;
}

function arrow([fromX, fromY], [toX, toY], took) {
  const angle = Math.atan2(toY - fromY, toX - fromX);
  const along = (x, y, length, turn = 0) => [x + length * Math.cos(angle + turn), y + length * Math.sin(angle + turn)];
  const [x1, y1] = along(fromX, fromY, 11);
  const [x2, y2] = along(toX, toY, -13);
  const points = [[x2, y2], along(x2, y2, -9, 0.4), along(x2, y2, -9, -0.4)].join(' ');
  const middle = { x: (fromX + toX) / 2 + 10 * Math.sign(toX - fromX), y: (fromY + toY) / 2 - 9 };
  return [
    make('svg:line', { class: 'message', x1, y1, x2, y2 }),
    make('svg:polygon', { class: 'head', points }),
    make('svg:text', { class: 'took', ...middle }, `+${lasting(took * 1000)}`),
  ];
}
