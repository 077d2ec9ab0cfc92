export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * Metrics in the format that a scraper's `accept` asks for: OpenMetrics where it names it, else Prometheus text.
 * prom-client's own OpenMetrics renames the counters of its registry for good, so the text is translated here.
 */
export function exposition(prometheus: string, accept: string): Exposition {
  return accept.includes('application/openmetrics-text')
    ? { contentType: OPENMETRICS, text: openMetrics(prometheus) }
    : { contentType: PROMETHEUS, text: prometheus };
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
