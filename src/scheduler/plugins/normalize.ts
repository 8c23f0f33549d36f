/** Scales to 0…max by the highest score. Upstream: helper.DefaultNormalizeScore. */
export function normalizeDefault(scores: number[], max: number, reverse: boolean): void {
  let highest = 0;
  for (const score of scores) if (score > highest) highest = score;
  for (let i = 0; i < scores.length; i++) {
    if (highest === 0) {
      if (reverse) scores[i] = max;
      continue;
    }
    const scaled = Math.trunc((max * scores[i]!) / highest);
    scores[i] = reverse ? max - scaled : scaled;
  }
}
