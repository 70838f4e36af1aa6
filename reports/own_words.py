"""The words of which reports for machines are made: keys, levels, verdicts. Masked, no program could read them any more."""

OWN_WORDS = frozenset(
    """
    added added_by added_step advice aliases aligned antipattern artifactChanges artifactLocation
    automationDetails ballast base base_bytes base_layers begin bytes cannot cause cell chain chain_id changed
    check check_name checks checkstyle code codes column columnKind compose compressed compressed_bytes
    confidence config container containers content content_bytes created created_by critical
    defaultConfiguration deletedRegion description diff diff_id directories disproved docker docker_run
    dockerfile driver efficiency endColumn endLine end_column end_line engine engine_id entries error errors
    evidence exact executionSuccessful exitCode expectation fail failure failures file files finding findings
    fingerprint fixes found fullDescription fullyQualifiedName gates guessed hardening help helpUri hidden
    hidden_by hidden_step high hint holds image images imglint index info informationUri input insertedContent
    invocations kind known known_by kubernetes layer layers left level limit limits line lines live live_bytes
    location locations logicalLocations made made_by major makes markdown matrix max-size medium message
    metadata minor moved name networks new_bytes note notes nothing nothing-to-check notice observed old_bytes
    options origin own_bytes packages partialFingerprints pass passed path paths physicalLocation plans
    platform podman primaryLocationLineHash problem problems producer proof properties proved pull pull_layers
    push reason receipts region removed removes replace replacements resource results ruleId ruleIndex rules
    runs safe savings security security-severity sentence severity shortDescription size skipped source
    startColumn startLine starts step steps style subject summary surrogateescape system system-out tags
    tar_bytes tell testcase tests testsuite testsuites text time title tool toolExecutionNotifications touches
    trials unicode unicodeCodePoints unknown unparsable value verdict version volumes warning waste wasted
    wasted_bytes what
    """.split()
)
