import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parse } from 'yaml';
import { parseTemplate } from '../../support/deploy/helm/parse.ts';
import { TemplateRun } from '../../support/deploy/helm/run.ts';

/** The renderer of the tests writes what Helm 3.20 was seen to write. */
const Values = parse(`
text: 'a "b"'
empty: ''
zero: 0
number: 3
yes_: true
list: [p, q]
map: { b: 1, a: [p, q] }
none: {}
`);

const SEEN: readonly (readonly [string, string])[] = [
  ['[  {{- .Values.text -}}  ]', '[a "b"]'],
  ['{{ if .Values.empty }}1{{ else if .Values.zero }}2{{ else }}3{{ end }}', '3'],
  ['{{ with .Values.map }}{{ .b }}{{ $.Values.number }}{{ end }}', '13'],
  ['{{ with .Values.none }}1{{ else }}{{ .Values.number }}{{ end }}', '3'],
  ['{{ range .Values.list }}<{{ . }}>{{ end }}', '<p><q>'],
  ['{{ range $i, $x := .Values.list }}{{ $i }}={{ $x }};{{ end }}', '0=p;1=q;'],
  ['{{ range $k, $v := .Values.map }}{{ $k }};{{ end }}', 'a;b;'],
  ['{{ range .Values.none }}1{{ else }}2{{ end }}', '2'],
  ['{{ $a := 1 }}{{ if .Values.yes_ }}{{ $a = 2 }}{{ end }}{{ $a }}', '2'],
  ['{{ $a := 1 }}{{ range .Values.list }}{{ $a := 5 }}{{ end }}{{ $a }}', '1'],
  ['{{ .Values.text | quote }}', '"a \\"b\\""'],
  ['{{ .Values.yes_ | quote }} {{ .Values.number | quote }}', '"true" "3"'],
  [
    '{{ .Values.empty | default "d" }} {{ .Values.zero | default 7 }} {{ .Values.none | default (list "") | toYaml }}',
    'd 7 - ""',
  ],
  ['{{ .Values.map | toYaml | nindent 2 }}', '\n  a:\n  - p\n  - q\n  b: 1'],
  ['{{ printf "%s-%s" .Values.text (.Values.empty | default "e") | trunc 5 | trimSuffix "-" }}', 'a "b"'],
  ['{{ (get .Values.map "a") | toYaml }} {{ (dict "p" 9).p }}', '- p\n- q 9'],
  [
    '{{ gt (int .Values.number) 2 }} {{ eq .Values.text "z" }} {{ ne .Values.text "z" }} {{ not .Values.zero }}',
    'true false true true',
  ],
  ['{{ and .Values.yes_ .Values.empty }}|{{ or .Values.empty .Values.number }}', '|3'],
  ['{{ contains "b" .Values.text }}', 'true'],
  ['a\n{{- /* a comment */}}\nb', 'a\nb'],
  ['{{ "abc" | sha256sum | trunc 8 }}', 'ba7816bf'],
  ['{{ range $s := list "a" "b" }}{{ $s }}{{ end }}', 'ab'],
];

for (const [template, text] of SEEN) it(`renders ${template}`, () => assert.equal(render(template), text));

it('renders a template that is defined, with the argument as dot and as $', () => {
  const template =
    '{{ define "x" }}{{ .a }}{{ $.b }}{{ end }}{{ include "x" (dict "a" 1 "b" .Values.text) }}';
  assert.equal(render(template), '1a "b"');
});

/** Where Helm would write something that nobody means, such as `<no value>`, or where this renderer ends. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['{{ .Values.misspelt }}', /there is no \.Values\.misspelt/],
  ['{{ .Values.map }}', /has no text/],
  ['{{ $unknown }}', /\$unknown is not declared/],
  ['{{ tpl .Values.text . }}', /the function tpl is beyond/],
  ['{{ include "unknown" . }}', /no template unknown/],
  ['{{ if .Values.text }}', /\{\{ end \}\} is missing/],
  ['{{ end }}', /\{\{ end \}\} too many/],
  ['{{ .Values.text | }}', /an empty command/],
  ['{{ (.Values.text }}', /a \) is missing/],
  ['{{ "open }}', /can't read/],
  ['{{ required "say it" .Values.empty }}', /say it/],
];

for (const [template, error] of REFUSED)
  it(`refuses ${template}`, () => assert.throws(() => render(template), error));

function render(template: string): string {
  const { body, defined } = parseTemplate(template);
  return new TemplateRun(defined, () => '').text(body, { Values });
}
