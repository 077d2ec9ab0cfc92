export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

interface Format {
  readonly type: string;
  readonly version: string;
}

const PROMETHEUS: Format = { type: 'text/plain', version: '0.0.4' };
const OPENMETRICS: Format = { type: 'application/openmetrics-text', version: '1.0.0' };

/**
 * Metrics in the format that a scraper's `accept` asks for: OpenMetrics where it is as welcome as Prometheus text, else
 * Prometheus text.
 * prom-client's own OpenMetrics renames the counters of its registry for good, so the text is translated here.
 */
export function exposition(prometheus: string, accept: string): Exposition {
  return prefersOpenMetrics(accept)
    ? { contentType: contentType(OPENMETRICS), text: openMetrics(prometheus) }
    : { contentType: contentType(PROMETHEUS), text: prometheus };
}

function contentType({ type, version }: Format): string {
  return `${type}; version=${version}; charset=utf-8`;
}

/** One range of an `accept` header, such as `text/plain;version=0.0.4;q=0.5`. */
interface MediaRange {
  readonly type: string;
  readonly version: string | undefined;
  /** 0 to 1; 0 is "not acceptable". */
  readonly quality: number;
}

/** The range that decides on a format: how welcome it is, and how precisely that was said (0: not at all). */
interface Verdict {
  readonly quality: number;
  readonly precision: number;
}

/** The precision of a range for everything. */
const ANYTHING = 1;

/** Whoever takes just anything (curl, browsers) gets the plain text. */
function prefersOpenMetrics(accept: string): boolean {
  const ranges = accept.toLowerCase().split(',').map(mediaRange);
  const open = verdict(ranges, OPENMETRICS);
  const text = verdict(ranges, PROMETHEUS);
  if (open.quality !== text.quality) return open.quality > text.quality;
  return open.quality > 0 && open.precision > ANYTHING;
}

/** Of the ranges that fit a format the most precise one counts: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1 */
function verdict(ranges: readonly MediaRange[], format: Format): Verdict {
  let best: Verdict = { quality: 0, precision: 0 };
  for (const range of ranges) {
    const precision = precisionOf(range, format);
    const isBetter = precision === best.precision ? range.quality > best.quality : precision > best.precision;
    if (precision > 0 && isBetter) best = { quality: range.quality, precision };
  }
  return best;
}

/** How precisely a range names a format; 0 where it does not fit. */
function precisionOf({ type, version }: MediaRange, format: Format): number {
  if (version !== undefined && version !== format.version) return 0;
  if (type === '*/*') return ANYTHING;
  if (type === `${format.type.split('/')[0]}/*`) return 2;
  if (type !== format.type) return 0;
  return version === undefined ? 3 : 4;
}

function mediaRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim());
  const valueOf = (name: string): string | undefined =>
    parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1);
  const quality = Number(valueOf('q') ?? 1);
  // A weight that is none makes its range none too.
  const isWeight = quality >= 0 && quality <= 1;
  return { type, version: valueOf('version')?.replaceAll('"', ''), quality: isWeight ? quality : 0 };
}

/** https://prometheus.io/docs/specs/om/open_metrics_spec/: a counter's family lacks the `_total` of its samples. */
function openMetrics(prometheus: string): string {
  const counters = new Set<string>();
  for (const [, name] of prometheus.matchAll(/^# TYPE (\S+)_total counter$/gm))
    if (name !== undefined) counters.add(name);
  const lines = prometheus.split('\n').flatMap((line) => {
    if (line === '') return [];
    const [, head, name, rest] = /^(# (?:HELP|TYPE) )(\S+)_total( .*)$/.exec(line) ?? [];
    return name !== undefined && counters.has(name) ? [`${head}${name}${rest}`] : [line];
  });
  return [...lines, '# EOF', ''].join('\n');
}
