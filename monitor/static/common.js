// What every part of the panel uses: words, figures, elements, and how it asks the monitor.

export const WORDS = {
  // The words of every state; its colour and its sign are in panel.css under the same name.
  available: 'Disponible :)',
  unavailable: 'No disponible :(',
  unanswered: 'Sin respuesta',
  refused: 'Rechazada',
  in_flight: 'En curso',
  met: 'Cumple',
  not_met: 'No cumple',
  inconclusive: 'No concluyente',
  unknown: 'Sin datos todavía',
  up: 'En marcha',
  down: 'Parado',
  silent: 'Sin noticias', // the broker, which would tell, is away
};
export const $ = (id) => document.getElementById(id);

// ---- words and figures ------------------------------------------------------------------------------------------

const integer = new Intl.NumberFormat('es');
export const share = new Intl.NumberFormat('es', { style: 'percent', maximumFractionDigits: 3 }); // of what was set
const measured = new Intl.NumberFormat('es', {
  style: 'percent', minimumFractionDigits: 2, maximumFractionDigits: 2,
  roundingMode: 'floor', // 99.999 % must not read 100 %
});
const clock = new Intl.DateTimeFormat('es', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const minute = new Intl.DateTimeFormat('es', { hour: '2-digit', minute: '2-digit' });
export const day = new Intl.DateTimeFormat('es', { day: 'numeric', month: 'short' });

export const at = (seconds) => clock.format(seconds * 1000);
export const exactly = (seconds) => `${at(seconds)},${String(Math.round((seconds % 1) * 1e6)).padStart(6, '0')}`;
export const percent = (value) => (value == null ? '—' : measured.format(value));
export const count = (value) => (value == null ? '—' : integer.format(value));
export const server = { offset: 0 }; // how many seconds its clock is ahead of this one
export const serverNow = () => Date.now() / 1000 + server.offset;

const UNITS = [ // from how many milliseconds on, the unit's milliseconds, its name
  [1728e5, 864e5, 'day'], [72e5, 36e5, 'hour'], [12e4, 6e4, 'minute'], [1e3, 1e3, 'second'], [0, 1, 'millisecond'],
];

export function lasting(ms, digits) {
  if (ms == null) return '—';
  const [, size, unit] = UNITS.find(([least]) => ms >= least);
  const places = digits ?? (size < 6e4 && ms / size < 10 ? 1 : 0);
  const format = { style: 'unit', unit, minimumFractionDigits: places, maximumFractionDigits: places };
  return new Intl.NumberFormat('es', format).format(ms / size);
}

export const ago = (since, now) => `hace ${lasting(Math.max(0, Math.round(now - since)) * 1000, 0)}`;

// ---- elements ---------------------------------------------------------------------------------------------------

export function make(tag, attributes = {}, ...children) {
  const element = tag.startsWith('svg:')
    ? document.createElementNS('http://www.w3.org/2000/svg', tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text; // a live region must not repeat itself
}

export function mark(element, status, text = WORDS[status]) {
  element.dataset.status = status;
  write(element, text);
}

// ---- asking the monitor -------------------------------------------------------------------------------------------

export async function get(path, options = {}) {
  try {
    const response = await fetch(path, { cache: 'no-store', ...options });
    return [response, response.status === 304 ? null : await response.json()];
  } catch {
    throw new Error('El monitor no responde.');
  }
}
