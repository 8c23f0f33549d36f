/** The words for "no node fits". Upstream: scheduler/framework/types.go, FitError (1.36). */

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function fitErrorMessage(
  total: number,
  counts: ReadonlyMap<string, number>,
  preFilterMessage: string,
  postFilterMessage = '',
): string {
  if (total === 0) return 'no nodes available to schedule pods';
  let text = `0/${total} nodes are available:`;
  if (preFilterMessage !== '') text += ` ${preFilterMessage}.`;
  else if (counts.size > 0) {
    const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
    text += ` ${reasons.join(', ')}.`;
  }
  return postFilterMessage === '' ? text : `${text} ${postFilterMessage}`;
}
