/** What each component logs, kept for `kubectl logs` of its pod: the newest lines, in klog's form. */
import { type Clock, type Logger, rfc3339Micro } from '../base/index.ts';

const linesKept = 1_000;

type Level = 'debug' | 'info' | 'warn' | 'error';
type Fields = Record<string, unknown>;

const letters: Readonly<Record<Level, string>> = { debug: 'D', info: 'I', warn: 'W', error: 'E' };

interface Stream {
  readonly lines: string[];
  readonly followers: Set<(line: string) => void>;
}

export class ComponentLogs {
  readonly #clock: Clock;
  readonly #streams = new Map<string, Stream>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The same logger, heard by `component` too. */
  tee(log: Logger, component: string): Logger {
    const write = (level: Level) => (message: string, fields?: Fields) => {
      log[level](message, fields);
      if (level !== 'debug') this.#add(component, this.line(level, message, fields));
    };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (name) => this.tee(log.child(name), component),
    };
  }

  /** For what was said to the user rather than logged. */
  note(component: string, message: string): void {
    this.#add(component, this.line('info', message));
  }

  /** Calls with each line so far and to come. Returns how to stop. */
  follow(component: string, follower: (line: string) => void): () => void {
    const { lines, followers } = this.#stream(component);
    for (const line of lines) follower(line);
    followers.add(follower);
    return () => followers.delete(follower);
  }

  #stream(component: string): Stream {
    let stream = this.#streams.get(component);
    if (!stream) {
      stream = { lines: [], followers: new Set() };
      this.#streams.set(component, stream);
    }
    return stream;
  }

  #add(component: string, line: string): void {
    const { lines, followers } = this.#stream(component);
    lines.push(line);
    if (lines.length > linesKept) lines.shift();
    for (const follower of followers) follower(line);
  }

  /** `I1122 15:04:05.000000       1 "message" key="value"` */
  line(level: Level, message: string, fields: Fields = {}): string {
    const [date, time] = rfc3339Micro(this.#clock.now()).split('T') as [string, string];
    const [, month, day] = date.split('-');
    const rest = Object.entries(fields).map(
      ([key, value]) => ` ${key}=${JSON.stringify(value instanceof Error ? value.message : value)}`,
    );
    return `${letters[level]}${month}${day} ${time.slice(0, -1)}       1 ${JSON.stringify(message)}${rest.join('')}`;
  }
}
