/** `klab config set` and `unset`: a dotted path through a kubeconfig. Upstream: kubectl/pkg/cmd/config/{set,navigation_step_parser}.go. */
import { UserError } from '../exit-codes.ts';
import type { Config, Entry } from './config-files.ts';

type Shape =
  | 'string'
  | 'bool'
  | 'bytes'
  /** Values that only `unset` reaches. */
  | 'opaque'
  | { readonly fields: Readonly<Record<string, Shape>>; readonly type: string }
  | { readonly each: Shape };

const cluster: Shape = {
  type: 'api.Cluster',
  fields: {
    server: 'string',
    'tls-server-name': 'string',
    'insecure-skip-tls-verify': 'bool',
    'certificate-authority': 'string',
    'certificate-authority-data': 'bytes',
    'proxy-url': 'string',
    'disable-compression': 'bool',
    extensions: 'opaque',
  },
};
const user: Shape = {
  type: 'api.AuthInfo',
  fields: {
    'client-certificate': 'string',
    'client-certificate-data': 'bytes',
    'client-key': 'string',
    'client-key-data': 'bytes',
    token: 'string',
    tokenFile: 'string',
    as: 'string',
    'as-uid': 'string',
    'as-groups': 'opaque',
    'as-user-extra': 'opaque',
    username: 'string',
    password: 'string',
    'auth-provider': 'opaque',
    exec: 'opaque',
    extensions: 'opaque',
  },
};
const context: Shape = {
  type: 'api.Context',
  fields: { cluster: 'string', user: 'string', namespace: 'string', extensions: 'opaque' },
};
const whole: Shape = {
  type: 'api.Config',
  fields: {
    preferences: { type: 'api.Preferences', fields: { colors: 'bool', extensions: 'opaque' } },
    clusters: { each: cluster },
    users: { each: user },
    contexts: { each: context },
    'current-context': 'string',
    extensions: 'opaque',
  },
};

interface Step {
  readonly name: string;
  readonly shape: Shape;
}

/** Names may hold dots: they end before the next word that is a field. @throws UserError */
function stepsOf(path: string): Step[] {
  const parts = path.split('.');
  const steps: Step[] = [];
  let shape: Shape = whole;
  for (let at = 0; at < parts.length; ) {
    if (typeof shape === 'string') throw new UserError(`unable to parse one or more field values of ${path}`);
    let name = parts[at]!;
    if ('each' in shape) {
      const { fields } = shape.each as Exclude<Shape, string | { each: Shape }>;
      const next = parts.findIndex((part, i) => i > at && Object.hasOwn(fields, part));
      name = parts.slice(at, next < 0 ? undefined : next).join('.');
      shape = shape.each;
    } else {
      const field: Shape | undefined = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
      if (field === undefined) {
        const before = steps.map((step) => step.name).join('.');
        throw new UserError(`unable to parse ${path} after [${before}] at ${shape.type}`);
      }
      shape = field;
    }
    steps.push({ name, shape });
    at += name.split('.').length;
  }
  return steps;
}

const truths: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, true]),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false]),
]);

function parseValue(shape: Shape, text: string, raw: boolean): unknown {
  if (shape === 'string') return text;
  if (shape === 'bool') {
    if (Object.hasOwn(truths, text)) return truths[text];
    throw new UserError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  if (shape === 'bytes') {
    if (raw) return Buffer.from(text, 'utf8').toString('base64');
    const good = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?/.exec(text)![0];
    if (good.length === text.length) return text;
    const wrong = text.search(/[^A-Za-z0-9+/]/);
    throw new UserError(
      `error decoding input value: illegal base64 data at input byte ${wrong < 0 ? good.length : wrong}`,
    );
  }
  throw new UserError(shape === 'opaque' ? 'unrecognized slice type. string' : "can't set a map to a value");
}

/** Entries and fields as one tree, for walking it. */
function place(config: Config, [first, second]: readonly Step[]): Entry | Map<string, Entry> {
  const { name } = first!;
  if (name === 'preferences') return config.preferences;
  const map = config[name as 'clusters' | 'contexts' | 'users'];
  return second === undefined ? map : (map.get(second.name) ?? map);
}

/** @throws UserError for a path that leads nowhere and a value that does not fit. */
export function setProperty(config: Config, path: string, text: string, raw: boolean): void {
  const steps = stepsOf(path);
  const [first, second, third] = steps;
  const value = (step: Step) => parseValue(step.shape, text, raw);
  if (first!.name === 'current-context') config.currentContext = value(first!) as string;
  else if (second === undefined) throw new UserError("can't set a map to a value");
  else if (first!.name === 'preferences') config.preferences[second.name] = value(second);
  else {
    if (third === undefined) throw new UserError("can't set a map to a value");
    const parsed = value(third);
    const map = config[first!.name as 'clusters' | 'contexts' | 'users'];
    map.set(second.name, { ...map.get(second.name), [third.name]: parsed });
  }
}

/** @throws UserError for a path that leads nowhere. */
export function unsetProperty(config: Config, path: string): void {
  const steps = stepsOf(path);
  const [first, second, third] = steps;
  if (first!.name === 'current-context') config.currentContext = '';
  else if (first!.name === 'extensions') config.extensions = undefined;
  else if (second === undefined) {
    const all = place(config, steps);
    if (all instanceof Map) all.clear();
    else config.preferences = {};
  } else if (first!.name === 'preferences') delete config.preferences[second.name];
  else {
    const map = config[first!.name as 'clusters' | 'contexts' | 'users'];
    if (third === undefined) map.delete(second.name);
    else {
      const entry = map.get(second.name);
      if (!entry) throw new UserError(`current map key \`${second.name}\` is invalid`);
      delete entry[third.name];
    }
  }
}
