import { describe, expect, it } from 'vitest';
import {
  canonicalIp,
  cidrContains,
  cidrSize,
  familyOf,
  formatCidr,
  IpAllocator,
  isIp,
  joinHostPort,
  parseCidr,
  subnet,
} from '../../src/net/index.ts';

describe('addresses', () => {
  it('takes canonical forms only', () => {
    expect(['10.0.0.1', '::1', 'fd00::A'].every(isIp)).toBe(true);
    expect(['10.0.0', '010.1.1.1', '1.2.3.4.5', 'x', '', '1.2.3.256', 'fe80::1%eth0'].some(isIp)).toBe(false);
    expect(canonicalIp('FD00:0:0::A')).toBe('fd00::a');
    expect(familyOf('10.0.0.1')).toBe('IPv4');
    expect(joinHostPort('fd00::1', 80)).toBe('[fd00::1]:80');
  });

  it('CIDRs clear host bits, know their size, and contain', () => {
    const cidr = parseCidr('10.96.3.4/12')!;
    expect(formatCidr(cidr)).toBe('10.96.0.0/12');
    expect(cidrSize(cidr)).toBe(1048576n);
    expect(cidrContains(cidr, '10.111.255.255')).toBe(true);
    expect(cidrContains(cidr, '10.112.0.0')).toBe(false);
    expect(cidrContains(cidr, '::1')).toBe(false);
    expect(parseCidr('10.0.0.0/33')).toBeUndefined();
    expect(parseCidr('10.0.0.0')).toBeUndefined();
  });

  it('cuts node ranges out of the pod range', () => {
    const pods = parseCidr('10.244.0.0/16')!;
    expect(formatCidr(subnet(pods, 24, 3)!)).toBe('10.244.3.0/24');
    expect(subnet(pods, 24, 256)).toBeUndefined();
  });
});

describe('IpAllocator', () => {
  it('gives every usable address once and none of the edges', () => {
    const allocator = new IpAllocator(parseCidr('192.168.1.0/29')!);
    const given = new Set<string>();
    for (let ip = allocator.allocateNext(); ip; ip = allocator.allocateNext()) given.add(ip);
    expect([...given].sort()).toEqual(['1', '2', '3', '4', '5', '6'].map((n) => `192.168.1.${n}`));
    expect(allocator.free).toBe(0);
    allocator.release('192.168.1.4');
    expect(allocator.allocateNext()).toBe('192.168.1.4');
  });

  it('says why an address cannot be had', () => {
    const allocator = new IpAllocator(parseCidr('10.96.0.0/16')!);
    expect(allocator.allocate('10.96.0.10')).toBeUndefined();
    expect(allocator.allocate('10.96.0.10')).toBe('AlreadyAllocated');
    expect(allocator.allocate('10.97.0.10')).toBe('NotInRange');
    expect(allocator.allocate('10.96.0.0')).toBe('NotInRange');
  });
});
