import type { KubeObject } from '../../../apimachinery/index.ts';
import { ageOf, count, nameOfRow, printer } from '../../printing.ts';

function claimState(claim: Readonly<KubeObject>): string {
  const states = claim.metadata.deletionTimestamp ? ['deleted'] : [];
  if (claim['status']?.allocation === undefined) {
    if (states.length === 0) states.push('pending');
  } else {
    states.push('allocated');
    if (count(claim['status']?.reservedFor) > 0) states.push('reserved');
  }
  return states.join(',');
}

export const resourceClaimPrinter = printer('Name:name, State, Age', (object, context) => [
  nameOfRow(object),
  claimState(object),
  ageOf(object, context),
]);

export const resourceSlicePrinter = printer('Name:name, Node, Driver, Pool, Age', (object, context) => [
  nameOfRow(object),
  object['spec']?.nodeName ?? '',
  object['spec']?.driver ?? '',
  object['spec']?.pool?.name ?? '',
  ageOf(object, context),
]);
