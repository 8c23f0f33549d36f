/** Behaviour files, read strictly: what is misspelt would silently do nothing. */
import { decodeYaml, FormatError } from '../../../../apimachinery/index.ts';
import type { Behaviour, CommandRule, HttpRule, Latency, LogRule } from './behaviour.ts';
import { Fields, ImageSourceError } from './fields.ts';

/** Faster would be work without end for the process that hosts the cluster. */
const minLogPeriodMs = 1;

/** @throws ImageSourceError with every mistake, a line each. */
export function decodeBehaviour(text: string, file: string): Behaviour {
  let documents: ReturnType<typeof decodeYaml>;
  try {
    documents = decodeYaml(text, { file });
  } catch (error) {
    if (error instanceof FormatError) throw new ImageSourceError(error.message, { cause: error });
    throw error;
  }
  const [document, second] = documents;
  if (!document) throw new ImageSourceError(`${file}:1:1: the file is empty; it must at least have a name`);
  const problems: string[] = document.duplicates.map((text) => `${file}:${document.position.line}:1: ${text}`);
  if (second) {
    const { line, column } = second.position;
    problems.push(`${file}:${line}:${column}: a file describes one image; put this one into a file of its own`);
  }
  const fields = Fields.of(document, problems);
  const behaviour = behaviourOf(fields);
  fields.end();
  if (problems.length > 0) throw new ImageSourceError(problems.join('\n'));
  return behaviour;
}

function behaviourOf(fields: Fields): Behaviour {
  const size = fields.bytes('size');
  const message = fields.text('message');
  const exit = exitOf(fields);
  const crash = crashOf(fields);
  return {
    name: fields.text('name', ''),
    ...(size !== undefined && { size }),
    ports: fields.numbers('ports', 1, 65_535),
    pull: pullOf(fields.map('pull')),
    create: closed(fields.map('create'), (map) => optional('error', map.text('error'))),
    start: closed(fields.map('start'), (map) => ({
      delayMs: map.duration('delay', 0),
      ...optional('error', map.text('error')),
    })),
    ready: readyOf(fields.map('ready')),
    ...(exit && { exit }),
    ...(crash && { crash }),
    memory: closed(fields.map('memory'), (map) => ({
      start: map.bytes('start', 0),
      growth: map.bytes('growth', 0),
      ...optional('max', map.bytes('max')),
    })),
    disk: closed(fields.map('disk'), (map) => ({
      growth: map.bytes('growth', 0),
      ...optional('max', map.bytes('max')),
    })),
    stop: closed(fields.map('stop'), (map) => ({
      takesMs: map.duration('takes', 0),
      code: map.number('code', 0, 255, 0),
      ignore: map.flag('ignore'),
    })),
    log: fields.maps('log').map((map) => closed(map, logOf)),
    http: fields.maps('http').map((map) => closed(map, httpOf)),
    commands: fields.maps('commands').map((map) => closed(map, commandOf)),
    ...(message !== undefined && { message }),
  };
}

function closed<T>(fields: Fields, read: (fields: Fields) => T): T {
  const value = read(fields);
  fields.end();
  return value;
}

function optional<K extends string, V>(name: K, value: V | undefined): { readonly [key in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in K]?: V };
}

function pullOf(map: Fields): Behaviour['pull'] {
  return closed(map, () => {
    const error = map.text('error');
    if (map.has('failures') && error === undefined) map.problem('failures', 'needs an error to fail with');
    return {
      ...optional('timeMs', map.duration('time')),
      ...optional('error', error),
      ...(map.has('failures') ? { failures: map.number('failures', 0, 1_000_000, 0) } : optionalRead(map)),
    };
  });
}

/** An absent field is asked for all the same, so that the list of known ones is complete. */
function optionalRead(map: Fields): object {
  map.raw('failures');
  return {};
}

function readyOf(map: Fields): Behaviour['ready'] {
  return closed(map, () => ({
    afterMs: map.duration('after', 0),
    unready: map.maps('unready').map((window) =>
      closed(window, () => ({
        fromMs: window.duration('from', 0),
        forMs: window.duration('for', 0),
        ...optional('everyMs', window.duration('every')),
      })),
    ),
  }));
}

function exitOf(fields: Fields): Behaviour['exit'] {
  const map = fields.map('exit');
  const exit = closed(map, () => ({
    afterMs: map.duration('after', 0),
    code: map.number('code', 0, 255, 0),
    ...optional('reason', map.text('reason')),
  }));
  return fields.has('exit') ? exit : undefined;
}

function crashOf(fields: Fields): Behaviour['crash'] {
  const map = fields.map('crash');
  const crash = closed(map, () => ({
    probability: map.number('probability', 0, 1, 1, false),
    withinMs: map.duration('within', 60_000),
    code: map.number('code', 1, 255, 1),
  }));
  return fields.has('crash') ? crash : undefined;
}

function logOf(map: Fields): LogRule {
  const everyMs = map.duration('every', 1_000);
  if (everyMs < minLogPeriodMs) map.problem('every', `must be at least ${minLogPeriodMs}ms`);
  const count = map.has('count') ? map.number('count', 1, Number.MAX_SAFE_INTEGER, 1) : undefined;
  map.raw('count');
  return {
    line: map.text('line', ''),
    everyMs,
    stream: map.oneOf('stream', ['stdout', 'stderr'], 'stdout'),
    ...optional('count', count),
  };
}

function httpOf(map: Fields): HttpRule {
  const path = map.text('path', '/*');
  if (!path.startsWith('/')) map.problem('path', 'must begin with /');
  const { text, json } = map.content('body');
  const headers = map.texts('headers');
  return {
    path,
    ...optional('method', map.text('method')?.toUpperCase()),
    status: map.number('status', 200, 599, 200),
    headers:
      json && headers['content-type'] === undefined ? { ...headers, 'content-type': 'application/json' } : headers,
    body: text,
    ...optional('latency', latencyOf(map)),
    errorRate: map.number('errorRate', 0, 1, 0, false),
  };
}

function latencyOf(fields: Fields): Latency | undefined {
  const value = fields.raw('latency');
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object') return { kind: 'fixed', ms: fields.duration('latency', 0) };
  const map = fields.map('latency');
  return closed(map, (): Latency => {
    const [min, max] = [map.duration('min'), map.duration('max')];
    const [p50, p99] = [map.duration('p50'), map.duration('p99')];
    if (p50 !== undefined && p99 !== undefined && min === undefined && max === undefined) {
      if (p50 > 0 && p99 >= p50) return { kind: 'tailed', p50Ms: p50, p99Ms: p99 };
      map.problem('p99', 'must not be below p50, which must be above 0');
    } else if (min !== undefined && max !== undefined && p50 === undefined && p99 === undefined) {
      if (max >= min) return { kind: 'uniform', minMs: min, maxMs: max };
      map.problem('max', 'must not be below min');
    } else fields.problem('latency', 'must be a duration, {min, max} or {p50, p99}');
    return { kind: 'fixed', ms: 0 };
  });
}

function commandOf(map: Fields): CommandRule {
  return {
    command: map.words('command'),
    output: map.content('output').text,
    exitCode: map.number('exitCode', 0, 255, 0),
    takesMs: map.duration('takes', 0),
  };
}
