/** Pulls images as the policy says, with back-off. Upstream: pkg/kubelet/images/image_manager.go. */
import type { Clock } from '../base/index.ts';
import { KeyedBackoff } from './backoff.ts';
import type { Container, Pod } from './pod-types.ts';
import type { ContainerRuntime } from './runtime/types.ts';
import { StartError } from './start-error.ts';

/** Upstream: imageBackOffPeriod, MaxImageBackOff. */
const backoffInitialMs = 10_000;
const backoffMaxMs = 300_000;
/** Failures remembered for the message shown while backing off. */
const maxRemembered = 1_000;

export interface ImageManagerDeps {
  readonly clock: Clock;
  readonly runtime: ContainerRuntime;
  readonly containerEvent: (
    pod: Pod,
    container: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ) => void;
}

export class ImageManager {
  readonly #deps: ImageManagerDeps;
  readonly #backoff: KeyedBackoff;
  readonly #lastError = new Map<string, string>();
  /** Pulls of one image at one time are one pull. */
  readonly #pulling = new Map<string, Promise<string>>();

  constructor(deps: ImageManagerDeps) {
    this.#deps = deps;
    this.#backoff = new KeyedBackoff(deps.clock, backoffInitialMs, backoffMaxMs);
  }

  /** Returns the image reference. @throws StartError ErrImagePull, ImagePullBackOff, ErrImageNeverPull, InvalidImageName. */
  async ensureImage(pod: Pod, container: Container, signal?: AbortSignal): Promise<string> {
    const requested = container.image ?? '';
    const image = withDefaultTag(requested);
    const event = (type: 'Normal' | 'Warning', reason: string, message: string) =>
      this.#deps.containerEvent(pod, container.name, type, reason, message);
    if (image === undefined) {
      const message = `Failed to apply default image tag "${requested}": couldn't parse image name "${requested}": invalid reference format`;
      event('Warning', 'InspectFailed', message);
      throw new StartError('InvalidImageName', message);
    }
    const policy = container.imagePullPolicy ?? (/:latest$/.test(image) ? 'Always' : 'IfNotPresent');
    if (policy !== 'Always') {
      const present = await this.#deps.runtime.imageStatus(image);
      if (present) {
        event(
          'Normal',
          'Pulled',
          `Container image "${requested}" already present on machine and can be accessed by the pod`,
        );
        return present.id;
      }
      if (policy === 'Never') {
        const message = `Container image "${requested}" is not present with pull policy of Never`;
        event('Warning', 'ErrImageNeverPull', message);
        throw new StartError('ErrImageNeverPull', message);
      }
    }
    return this.#pull(pod, requested, image, event, signal);
  }

  async #pull(
    pod: Pod,
    requested: string,
    image: string,
    event: (type: 'Normal' | 'Warning', reason: string, message: string) => void,
    signal?: AbortSignal,
  ): Promise<string> {
    const { clock, runtime } = this.#deps;
    const key = `${pod.metadata.uid}_${requested}`;
    if (this.#backoff.isInBackOffSinceUpdate(key)) {
      let message = `Back-off pulling image "${requested}"`;
      event('Normal', 'BackOff', message);
      const last = this.#lastError.get(key);
      if (last !== undefined) message += `: ${last}`;
      throw new StartError('ImagePullBackOff', message);
    }
    this.#lastError.delete(key);
    event('Normal', 'Pulling', `Pulling image "${requested}"`);
    const startedAt = clock.monotonic();
    let pull = this.#pulling.get(image);
    if (!pull) {
      pull = runtime.pullImage(image, signal).finally(() => this.#pulling.delete(image));
      this.#pulling.set(image, pull);
    }
    try {
      const ref = await pull;
      const took = goDuration(clock.monotonic() - startedAt);
      const size = (await runtime.imageStatus(image))?.sizeBytes ?? 0;
      event(
        'Normal',
        'Pulled',
        `Successfully pulled image "${requested}" in ${took} (${took} including waiting). Image size: ${size} bytes.`,
      );
      return ref;
    } catch (error) {
      signal?.throwIfAborted();
      const text = (error as Error).message;
      event('Warning', 'Failed', `Failed to pull image "${requested}": ${text}`);
      this.#backoff.next(key, clock.now());
      this.#lastError.set(key, `ErrImagePull: ${text}`);
      if (this.#lastError.size > maxRemembered) this.#lastError.delete(this.#lastError.keys().next().value!);
      throw new StartError('ErrImagePull', text);
    }
  }

  forget(uid: string): void {
    this.#backoff.forget(`${uid}_`);
    for (const key of this.#lastError.keys()) if (key.startsWith(`${uid}_`)) this.#lastError.delete(key);
  }
}

/** The name with `:latest` when it has neither tag nor digest; undefined when it is no image name. */
export function withDefaultTag(image: string): string | undefined {
  const pattern =
    /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$/;
  if (!pattern.test(image)) return undefined;
  if (image.includes('@')) return image;
  const last = image.slice(image.lastIndexOf('/') + 1);
  return last.includes(':') ? image : `${image}:latest`;
}

/** Milliseconds as Go prints a duration truncated to milliseconds: `0s`, `123ms`, `1.5s`, `2m3.004s`. */
export function goDuration(ms: number): string {
  const whole = Math.floor(ms);
  if (whole === 0) return '0s';
  if (whole < 1000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const seconds = (whole % 60_000) / 1000;
  const text = `${Number(seconds.toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${text}`;
  return minutes > 0 ? `${minutes}m${text}` : text;
}
