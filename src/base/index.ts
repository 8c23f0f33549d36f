/**
 * base: time, randomness, tasks, queues, assertions, logging, Go's JSON. Imports nothing of klab.
 *
 * Promises: outside this room nobody touches timers, dates or global randomness; a loop ends only when all it started
 * has ended; every queue has a bound; the same seed and the same inputs give the same sequence.
 */
export { AssertionError, assert, unreachable, verifyEnabled } from './assert.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export {
  BaseClock,
  type Clock,
  defer,
  deferLast,
  deferTurn,
  parseTime,
  realClock,
  rfc1123Local,
  rfc3339,
  rfc3339Micro,
  Slicer,
  type Timer,
  wallClock,
  yieldToEventLoop,
} from './clock.ts';
export { Deferred } from './deferred.ts';
export { JsonReader, type JsonReaderOptions, JsonSyntaxError, setOwn } from './json-reader.ts';
export { type Logger, silentLogger } from './log.ts';
export { packageRoot, packageVersion } from './package-root.ts';
export { Prng, safeEncodeString } from './prng.ts';
export { BoundedQueue, QueueOverflowError } from './queue.ts';
export { isAbort, type Runnable, StoppedError, TaskGroup } from './task-group.ts';
export { isVirtualClock, VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
