/** Candidates of coordinated leader election. Upstream: pkg/apis/coordination/validation/validation.go (1.36). */
import { isConfigMapKey } from '../../../apimachinery/index.ts';
import type { ResourceDefinition } from '../../definition.ts';
import { type Place, rules } from '../../place.ts';
import { ageOf, nameOfRow, printer } from '../../printing.ts';
import { row } from '../../row.ts';
import { validateLeaseStrategy } from '../v1/lease/strategy.ts';

const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-.]+)?$/;

/** Numbers of a version, undefined when the text is none. */
function versionOf(place: Place): readonly number[] | undefined {
  if (place.text === '') return undefined;
  const match = semanticVersion.exec(place.text);
  if (match === null) place.invalid('must be a valid semantic version');
  return match?.slice(1, 4).map(Number);
}

function isLess(left: readonly number[], right: readonly number[]): boolean {
  const at = left.findIndex((number, index) => number !== right[index]);
  return at >= 0 && left[at]! < right[at]!;
}

function validateCandidate(object: Place): void {
  const spec = object.child('spec');
  spec.child('leaseName').named();
  const [emulation, binary, strategy] = ['emulationVersion', 'binaryVersion', 'strategy'].map((name) =>
    spec.child(name),
  );
  const emulated = versionOf(emulation!);
  if (binary!.text === '') binary!.required();
  const built = versionOf(binary!);
  if (built !== undefined && emulated !== undefined && isLess(built, emulated)) {
    binary!.invalid('must be greater than or equal to `emulationVersion`');
  }
  if (strategy!.text === '') {
    strategy!.required();
    return;
  }
  if (strategy!.text === 'OldestEmulationVersion' && (emulated ?? [0, 0, 0]).every((number) => number === 0)) {
    emulation!.required("must be specified when `strategy` is 'OldestEmulationVersion'");
  }
  validateLeaseStrategy(strategy!);
}

export const leaseCandidateResource: ResourceDefinition = row(
  { group: 'coordination.k8s.io', version: 'v1beta1', schemaPrefix: 'io.k8s.api.coordination.v1beta1' },
  {
    kind: 'LeaseCandidate',
    idle: 'no election is coordinated: there is one of each component',
    plural: 'leasecandidates',
    default: false,
    strategy: {
      allowCreateOnUpdate: true,
      allowUnconditionalUpdate: false,
      validateName: (name) => isConfigMapKey(name),
      ...rules(validateCandidate, (object, old) => {
        validateCandidate(object);
        object.child('spec', 'leaseName').immutable(old['spec']?.leaseName);
      }),
    },
    printer: printer('Name:name, LeaseName, BinaryVersion, EmulationVersion, Age', (object, context) => [
      nameOfRow(object),
      object['spec']?.leaseName ?? '',
      object['spec']?.binaryVersion ?? '',
      object['spec']?.emulationVersion ?? '',
      ageOf(object, context),
    ]),
    selectableFields: (object) => ({ 'spec.leaseName': object['spec']?.leaseName ?? '' }),
  },
);
