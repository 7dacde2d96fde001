// What every part of the panel uses: texts, figures, elements, and how it asks the monitor.

export const $ = (id) => document.getElementById(id);

// ---- texts: Spanish, or what the page's catalogue has for them ---------------------------------------------------

export const LANGUAGE = document.documentElement.lang;
const catalogue = JSON.parse($('catalogue').textContent);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

export function _(text, values = {}) {
  return filled(catalogue[text] ?? text, values);
}

export function ngettext(one, many, number, values = {}) {
  return filled((catalogue[one] ?? [one, many])[number === 1 ? 0 : 1], values);
}

export const WORDS = {
  // The words of every state; its colour and its sign are in panel.css under the same name.
  available: _('Disponible :)'),
  unavailable: _('No disponible :('),
  unanswered: _('Sin respuesta'),
  refused: _('Rechazada'),
  in_flight: _('En curso'),
  met: _('Cumple'),
  not_met: _('No cumple'),
  inconclusive: _('No concluyente'),
  unknown: _('Sin datos todavía'),
  up: _('En marcha'),
  down: _('Detenido'),
  silent: _('Sin noticias'), // the broker, which would tell, is away
};

// ---- figures ------------------------------------------------------------------------------------------------------

/** What writes numbers in the page's language; Spanish thousands stand apart by a space, as the program writes them. */
function numbers(options) {
  const format = new Intl.NumberFormat(LANGUAGE, { useGrouping: 'always', ...options });
  const apart = { literal: '\u00a0', ...(LANGUAGE === 'es' && { group: '\u202f' }) };
  return (value) => format.formatToParts(value).map((part) => apart[part.type] ?? part.value).join('');
}

const times = (options) => new Intl.DateTimeFormat(LANGUAGE, { hourCycle: 'h23', ...options });
const integer = numbers({ maximumFractionDigits: 0 });
export const share = numbers({ style: 'percent', maximumFractionDigits: 3 }); // of what was set
const measured = numbers({
  style: 'percent', minimumFractionDigits: 2, maximumFractionDigits: 2,
  roundingMode: 'floor', // 99.999 % must not read 100 %
});
const micros = numbers({ minimumIntegerDigits: 1, minimumFractionDigits: 6, maximumFractionDigits: 6 });
const clock = times({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const minute = times({ hour: '2-digit', minute: '2-digit' });
export const day = times({ day: 'numeric', month: 'short' });

export const at = (seconds) => clock.format(seconds * 1000);
export const exactly = (seconds) => at(seconds) + micros(Math.round((seconds % 1) * 1e6) / 1e6).slice(1);
export const percent = (value) => (value == null ? '—' : measured(value));
export const between = (low, high) => _('{low} a {high}', { low: percent(low).replace(/\s*%/, ''), high: percent(high) });
export const count = (value) => (value == null ? '—' : integer(value));
export const server = { offset: 0 }; // how many seconds its clock is ahead of this one
export const serverNow = () => Date.now() / 1000 + server.offset;

const UNITS = [ // from how many milliseconds on, the unit's milliseconds, its name
  [1728e5, 864e5, 'day'], [72e5, 36e5, 'hour'], [12e4, 6e4, 'minute'], [1e3, 1e3, 'second'], [0, 1, 'millisecond'],
];

export function lasting(ms, digits) {
  if (ms == null) return '—';
  const [, size, unit] = UNITS.find(([least]) => ms >= least);
  const places = digits ?? (size < 6e4 && ms / size < 10 ? 1 : 0);
  return numbers({ style: 'unit', unit, minimumFractionDigits: places, maximumFractionDigits: places })(ms / size);
}

export const ago = (since, now) => _('hace {time}', { time: lasting(Math.max(0, Math.round(now - since)) * 1000, 0) });

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
    const headers = { 'Accept-Language': LANGUAGE, ...options.headers };
    const response = await fetch(path, { cache: 'no-store', ...options, headers });
    return [response, response.status === 304 ? null : await response.json()];
  } catch {
    throw new Error(_('El monitor no responde.'));
  }
}
