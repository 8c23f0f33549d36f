// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are shell scripts.
import { describe, expect, test } from 'vitest';
import { SimNode } from '../sim-helpers.ts';

/** script, what it prints (both streams), its exit code. */
type Row = readonly [script: string, output: string, exitCode?: number];

const words: Row[] = [
  ['echo hello', 'hello\n'],
  ['echo "a  b" c\'d\' e\\ f', 'a  b cd e f\n'],
  ['X="one two"; echo $X; echo "$X"; echo ${#X}', 'one two\none two\n7\n'],
  ['echo ${A:-dflt} ${B:=set} $B ${C:+no}', 'dflt set set\n'],
  ['F=/a/b.tar.gz; echo ${F##*/} ${F%.*} ${F%%.*} ${F#/}', 'b.tar.gz /a/b.tar /a/b a/b.tar.gz\n'],
  ['V=aXbXc; echo ${V/X/-} ${V//X/-} ${V:1:3}', 'a-bXc a-b-c XbX\n'],
  ['echo $((1 + 2 * 3)) $(( (1+2)*3 )) $((7/2)) $((7%2)) $((2**10))', '7 9 3 1 1024\n'],
  ['i=5; echo $((i++)) $i $((i > 5 ? 10 : 20))', '5 6 10\n'],
  ['echo $(echo in; echo side) `echo back`', 'in side back\n'],
  ['echo "$(echo "nested $(echo quotes)")"', 'nested quotes\n'],
  ['set -- a "b c"; echo $#; for x in "$@"; do echo "<$x>"; done', '2\n<a>\n<b c>\n'],
  ['echo \'$HOME\' "\\$HOME"', '$HOME $HOME\n'],
  ['echo {1..3} x{a,b}y', '1 2 3 xay xby\n'],
  ['touch /tmp/b /tmp/a; cd /tmp; echo *; echo /tmp/?', 'a b\n/tmp/a /tmp/b\n'],
  ['echo *.none', '*.none\n'],
  ['IFS=:; P=a:b:c; for x in $P; do echo $x; done', 'a\nb\nc\n'],
  ['echo a#b # a comment', 'a#b\n'],
  ['echo "line one \\\ncontinued"', 'line one continued\n'],
  ['echo ${MISSING:?is needed}; echo not reached', 'sh: MISSING: is needed\n', 1],
];

const control: Row[] = [
  ['if true; then echo yes; else echo no; fi', 'yes\n'],
  ['if [ 1 -gt 2 ]; then echo a; elif [ x = x ]; then echo b; fi', 'b\n'],
  ['for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done', '1\n3\n'],
  ['i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done', '1\n2\n3\n'],
  ['i=0; until [ $i -ge 2 ]; do i=$((i+1)); done; echo $i', '2\n'],
  ['while true; do while true; do break 2; done; done; echo out', 'out\n'],
  ['case abc in x*) echo x;; a*|b*) echo ab;; *) echo other;; esac', 'ab\n'],
  ['case "$1" in "") echo none;; esac', 'none\n'],
  ['f() { echo "f $1"; return 3; }; f arg; echo $?', 'f arg\n3\n'],
  ['function g { echo g; }; g', 'g\n'],
  ['(cd /tmp; X=1; pwd); pwd; echo "[$X]"', '/tmp\n/\n[]\n'],
  ['{ echo a; echo b; } | wc -l', '2\n'],
  ['true && echo and || echo or; false && echo and || echo or', 'and\nor\n'],
  ['! false && echo negated', 'negated\n'],
  ['exit 7', '', 7],
  ['false', '', 1],
  ['set -e; false; echo not reached', '', 1],
  ['set -e; if false; then :; fi; false || true; echo reached', 'reached\n'],
  ['set -u; echo $NOPE', 'sh: NOPE: parameter not set\n', 1],
  ['set -x; X=1; echo "a b"', "+ X=1\n+ echo 'a b'\na b\n"],
  ['set -o pipefail; false | true', '', 1],
  ['false | true', '', 0],
  ['trap "echo bye" EXIT; echo hi', 'hi\nbye\n'],
  ['eval "echo $((1+1))"', '2\n'],
  ['sleep 1 & wait; echo done', 'done\n'],
  ['echo one; exec echo two; echo three', 'one\ntwo\n'],
  ['if then', 'sh: line 1: syntax error: unexpected "then"\n', 2],
  ['echo "open', 'sh: line 1: syntax error: unterminated quoted string\n', 2],
  ['[[ abc == a* && 1 -lt 2 ]] && echo matched', 'matched\n'],
];

const redirections: Row[] = [
  ['echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f', 'a\nb\n'],
  ['echo err >&2 2>/dev/null; echo out 2>&1', 'err\nout\n'],
  ['cat < /nope', "sh: can't open /nope: no such file\n", 1],
  ['cat <<EOF\nx=$((1+1))\n  y\nEOF', 'x=2\n  y\n'],
  ["cat <<'EOF'\n$HOME\nEOF", '$HOME\n'],
  ['ls /nope 2>&1 | wc -l', '1\n'],
  ['echo in > /tmp/x; read a b < /tmp/x; echo "$a|$b"', 'in|\n'],
  ['printf "1 a\\n2 b\\n" | while read n l; do echo "$l$n"; done', 'a1\nb2\n'],
  ['yes | head -n 2', 'y\ny\n'],
  ['echo log > /proc/1/fd/1', 'log\n'],
];

const commands: Row[] = [
  ['seq 3; seq 2 4; seq 1 2 5', '1\n2\n3\n2\n3\n4\n1\n3\n5\n'],
  ['printf "%s-%03d\\n" a 7 b 8', 'a-007\nb-008\n'],
  ['echo -n no; echo -e "\\ttab"', 'no\ttab\n'],
  ['printf "b\\na\\nb\\n" | sort | uniq -c', '      1 a\n      2 b\n'],
  ['printf "10\\n9\\n" | sort -n', '9\n10\n'],
  ['echo a:b:c | cut -d: -f2,3', 'b:c\n'],
  ['printf "a b\\nc d\\n" | awk \'{print $2, NR}\'', 'b 1\nd 2\n'],
  ["printf '  HTTP/1.1 200 OK\\n  X: y\\n' | awk '/^  HTTP/{print $2}'", '200\n'],
  ["printf '1\\n2\\n3\\n' | awk '{s+=$1} END {print s, s/NR}'", '6 2\n'],
  ['echo a,b | awk -F, \'{printf "%s|%s\\n", $2, $1}\'', 'b|a\n'],
  ["printf 'x 1\\ny 5\\n' | awk '$2 > 3 {print $1}'", 'y\n'],
  ["echo hello world | sed 's/world/there/; s/l/L/g'", 'heLLo there\n'],
  ["printf 'a\\nb\\nc\\n' | sed -n '2,3p'", 'b\nc\n'],
  ["printf 'key: v1\\n' | sed -E 's/^(\\w+): (.*)$/\\2=\\1/'", 'v1=key\n'],
  ['printf "one\\ntwo\\n" | grep -n w', '2:two\n'],
  ['printf "one\\n" | grep -q two; echo $?', '1\n'],
  ['printf "a1\\nb\\n" | grep -E "[0-9]+" | tr a-z A-Z', 'A1\n'],
  ['printf "1\\n2\\n3\\n" | tail -n 1; printf "1\\n2\\n" | head -1', '3\n1\n'],
  ['printf "a b c\\n" | wc -w', '3\n'],
  [
    'mkdir -p /tmp/d/e; touch /tmp/d/f; ls /tmp/d; rm -r /tmp/d; ls /tmp/d',
    'e\nf\nls: /tmp/d: No such file or directory\n',
    1,
  ],
  ['mkdir /tmp/a/b', "mkdir: can't create directory '/tmp/a/b': nonexistent directory\n", 1],
  ['cat /nope', "cat: can't open '/nope': No such file or directory\n", 1],
  ['hostname', 'pod-1\n'],
  ['date -u +%Y-%m-%dT%H:%M:%SZ', '2026-11-22T10:00:00Z\n'],
  ['echo aGk= | base64 -d', 'hi'],
  ['echo a b | xargs -n 1 echo x', 'x a\nx b\n'],
  ['export A=1; B=2; env | grep -E "^[AB]="; C=3 printenv C', 'A=1\n3\n'],
  ['basename /a/b.txt .txt; dirname /a/b', 'b\n/a\n'],
  ['expr 3 + 4; test -f /etc/hostname && echo file', '7\nfile\n'],
  ['command -v sh >/dev/null && echo has; command -v nothere || echo no', 'has\nno\n'],
  ['whoami; id -u', 'root\n0\n'],
  ['sh -c "echo $0 $1" name arg; echo \'echo from $1\' > /tmp/s.sh; sh /tmp/s.sh file', 'sh\nfrom file\n'],
];

for (const [title, rows] of Object.entries({ words, control, redirections, commands })) {
  describe(title, () => {
    for (const [script, output, exitCode = 0] of rows) {
      test(script, async () => {
        const result = await new SimNode().script(script);
        expect(result.output).toBe(output);
        expect(result.exitCode).toBe(exitCode);
      });
    }
  });
}
