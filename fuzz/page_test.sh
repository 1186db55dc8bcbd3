#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Pages as a browser shows them: headless Chromium renders a trace's and a run's, and is asked what came out. A copy of
# each page has a script added that measures it; the pages themselves have none, and fetch nothing.
# Usage: page_test.sh BIN CORPUS
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../scripts/test_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/test_lib.sh"

bin=$1 corpus=$2
capcheck=$bin/capcheck
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v chromium >/dev/null || {
	echo "FAILED: no chromium; install the packages of scripts/packages"
	exit 1
}

# browse DIRECTORY ARGUMENT…: a browser of its own, which knows nothing from before and asks nobody for anything.
browse() {
	local name=$1
	shift
	mkdir -p "$work/home"
	HOME=$work/home timeout --kill-after=5 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
		--user-data-dir="$work/$name.profile" "$@" 2>"$work/$name.err" || fail "chromium ended with $?: $(tail -3 "$work/$name.err")"
}

# measured PAGE NAME FLAG…: the page with what a script measured of it, in $work/NAME.dom.
measured() {
	local page=$1 name=$2
	shift 2
	# The policy would stop the script.
	sed -e 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' -e "/<\/body>/{
		r $work/measure.html
	}" "$page" >"$work/$name.html"
	browse "$name" --dump-dom --virtual-time-budget=2000 "$@" "file://$work/$name.html" >"$work/$name.dom"
}

# has NAME PATTERN WHAT: the rendered page has it.
has() { grep -qE -- "$2" "$work/$1.dom" || fail "$1: $3: $(grep -o 'data-[a-z]*="[^"]*"' "$work/$1.dom" | paste -sd' ')"; }

cat >"$work/measure.html" <<'END'
<script>
const root = document.documentElement, said = root.dataset, cell = document.querySelector('td[tabindex]');
const shown = () => getComputedStyle(cell.querySelector('.tip')).display;
onload = () => {
  if (cell) {
    said.before = shown();
    cell.focus();
  }
  // A moment later, when the window has the focus too.
  setTimeout(measure, 200);
};
function measure() {
  said.fits = root.scrollWidth <= innerWidth;
  said.fetched = performance.getEntriesByType('resource').length;
  said.back = getComputedStyle(document.body).backgroundColor;
  if (cell) {
    said.focused = shown();
    const box = cell.querySelector('.tip').getBoundingClientRect();
    said.within = box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight && box.height > 0;
    const head = document.querySelector('.matrix thead th:last-child');
    head.querySelector('a').focus();
    said.head = getComputedStyle(head.querySelector('.tip')).display + ' ' + shown();
    // The mark of each call stands over its column.
    const middle = (box) => box.left + box.width / 2;
    const heads = [...document.querySelectorAll('.matrix thead th')].filter((head) => head.querySelector('a'));
    const marks = [...document.querySelectorAll('.lanes circle')];
    said.aligned = heads.length > 0 && heads.length === marks.length &&
        heads.every((head, i) => Math.abs(middle(head.getBoundingClientRect()) - middle(marks[i].getBoundingClientRect())) < 3);
    // Letters are told apart by more than colour.
    const style = (selector) => getComputedStyle(document.querySelector('.matrix ' + selector) ?? cell);
    said.marked = style('.lost').outlineStyle + ' ' + style('.gained').fontWeight;
  }
  const curve = document.querySelector('svg .curve');
  if (curve) said.curve = curve.getTotalLength() > 50;
}
</script>
END

"$capcheck" show "$corpus/checklist/55-c-setns-enters.trace" --html "$work/trace.page" || fail "no page of a trace"
for flags in "1280,900" "390,844"; do
	name=trace-${flags%,*}
	measured "$work/trace.page" "$name" --window-size="$flags"
	has "$name" 'data-fits="true"' "the page is wider than the window"
	has "$name" 'data-fetched="0"' "something was fetched"
	has "$name" 'data-before="none"' "a rule shows before anybody asks"
	has "$name" 'data-focused="block"' "the keyboard does not show a rule"
	has "$name" 'data-head="block none"' "the keyboard does not show what a call did, and that alone"
	has "$name" 'data-within="true"' "a rule is shown outside the window"
	has "$name" 'data-aligned="true"' "the lanes do not stand over the columns"
	has "$name" 'data-marked="dashed 700"' "what changed is told by colour alone"
	has "$name" 'data-back="rgb\(255, 255, 255\)"' "it is not light"
done
has trace-1280 "<code>set_cred_user_ns: P' = E' = X' = FULL</code>" "the rule of setns is missing"
has trace-1280 '<th scope="row"[^>]*>37 others, alike</th>' "what never differs is not folded"
has trace-1280 '<text[^>]*>in ns0, owner 0</text>' "the lane of the child namespace is missing"
has trace-1280 '<b class="letter gained">X</b>' "a capability that came back into X is not marked"
measured "$work/trace.page" trace-dark --window-size=1280,900 --blink-settings=preferredColorScheme=0
has trace-dark 'data-back="rgb\(21, 24, 29\)"' "it is not dark where that is preferred"

cat >"$work/report.json" <<'END'
{"good": false, "proof_seconds": 1.5,
 "versions": {"capcheck": "0.1", "z3": "4.8", "clang": "19", "kernels": {"6.12+userns": "6.12.117"}},
 "proofs": [{"profile": "6.12+userns", "claims": [
   {"name": "effective-within-permitted", "formula": "E ⊆ P", "statement": "…", "verdict": "proved", "calls": 0, "as_claimed": true, "detail": "", "seconds": 0.1},
   {"name": "userns-within-bounding", "formula": "U ⊆ X", "statement": "…", "verdict": "refuted", "calls": 1, "as_claimed": false, "detail": "a trace", "seconds": 0.1}]}],
 "counterexamples": [], "replays": [{"where": "in process", "traces": 3, "runs": 4, "kernels": 2, "disagreeing": 1, "not_performed": 0}],
 "fuzzing": [{"profile": "6.12+userns", "programs": 300, "calls": 900, "seconds": 2, "coverage": 70, "findings": [], "crash": "",
   "samples": [{"seconds": 0.5, "programs": 100, "coverage": 60}, {"seconds": 1, "programs": 200, "coverage": 70}]}],
 "transitions": [{"call": "capset", "outcome": "passed", "function": "cap_capset", "missing": false, "reached": {"6.12+userns": 2}}]}
END
"$capcheck" report "$work/report.json" --output "$work/report" >/dev/null || fail "no page of a run"
for flags in "1280,900" "390,844"; do
	name=report-${flags%,*}
	measured "$work/report/report.html" "$name" --window-size="$flags"
	has "$name" 'data-fits="true"' "the page is wider than the window"
	has "$name" 'data-fetched="0"' "something was fetched"
	has "$name" 'data-curve="true"' "there is no plot"
	has "$name" '<td class="bad"[^>]*>refuted by 1 \(!\)</td>' "a surprise is not marked"
done

# Neither page may fetch anything, not even if it asked. Without the policy, the same request is seen in the log.
for page in "$work/trace.page" "$work/report/report.html"; do
	image='<img src="http://127.0.0.1:9/fetched"></img></body>'
	sed "s|</body>|$image|" "$page" >"$work/asks.html"
	browse asks --dump-dom --log-net-log="$work/asks.log" "file://$work/asks.html" >"$work/asks.dom"
	grep -q 'asks.html' "$work/asks.log" || fail "no log of what was fetched"
	! grep -q '127.0.0.1:9/fetched' "$work/asks.log" || fail "$page may fetch"
done
sed -i 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' "$work/asks.html"
browse control --dump-dom --log-net-log="$work/control.log" "file://$work/asks.html" >"$work/control.dom"
grep -q '127.0.0.1:9/fetched' "$work/control.log" || fail "the log does not tell what is fetched"

finish "every page is as it should be"
