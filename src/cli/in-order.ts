/** Bounded parallel work whose results are told in the order of the items. */

/**
 * Runs `work` on all items, at most `limit` at once; `tell` gets each result in the order of `items`, as soon as all
 * before it are told. Items with the same key run one after the other. Stops starting work when `signal` aborts; what
 * runs is waited for.
 */
export async function inOrder<T, R>(
  items: readonly T[],
  options: { readonly limit: number; readonly key?: (item: T) => string; readonly signal?: AbortSignal },
  work: (item: T) => Promise<R>,
  tell: (result: R, item: T) => void,
): Promise<void> {
  const results = new Map<number, R>();
  const running = new Map<string, Promise<unknown>>();
  let next = 0;
  let told = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    while (next < items.length && !options.signal?.aborted && !failure) {
      const index = next++;
      const item = items[index]!;
      const key = options.key?.(item);
      const before = key === undefined ? undefined : running.get(key);
      const result = before ? before.then(() => work(item)) : work(item);
      if (key !== undefined)
        running.set(
          key,
          result.catch(() => {}),
        );
      try {
        results.set(index, await result);
      } catch (error) {
        failure ??= { error };
        return;
      }
      for (; results.has(told); told++) {
        tell(results.get(told)!, items[told]!);
        results.delete(told);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.limit, items.length) }, worker));
  if (failure) throw failure.error;
}
