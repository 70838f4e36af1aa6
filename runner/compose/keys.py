"""The keys of a service in the Compose Specification: what imglint does, what it leaves out, and what it refuses."""

DONE = frozenset(
    """
    build cap_drop command configs container_name depends_on entrypoint env_file environment expose extra_hosts
    group_add healthcheck hostname image init links networks ports profiles read_only secrets shm_size tmpfs
    user volumes working_dir
    """.split()
)

# Keys that change nothing of what is proved.
WITHOUT_EFFECT = frozenset(
    """
    annotations attach cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus
    cpuset develop label_file labels logging platform pull_policy pull_refresh_after scale stdin_open
    stop_grace_period tty
    """.split()
)

_LIMITS = "the limits that imglint sets hold; give it more with --memory or --pids-limit"
_GRANTS = "imglint grants no more than the engine does unasked; what needs it fails"
_DEVICES = "no device of this machine is given to it; what needs one fails"
_NAMES = "imglint closes the way out; names of other machines are not found"

# Keys that are left out, and what that changes.
LEFT_OUT = {
    "blkio_config": _LIMITS,
    "cap_add": _GRANTS,
    "cgroup": _GRANTS,
    "cgroup_parent": _GRANTS,
    "credential_spec": _GRANTS,
    "deploy": "it is started once; " + _LIMITS,
    "device_cgroup_rules": _DEVICES,
    "devices": _DEVICES,
    "dns": _NAMES,
    "dns_opt": _NAMES,
    "dns_search": _NAMES,
    "domainname": "its host name has no domain",
    "external_links": "containers of others are not reached",
    "gpus": _DEVICES,
    "isolation": _GRANTS,
    "mac_address": "the engine chooses one",
    "mem_limit": _LIMITS,
    "mem_reservation": _LIMITS,
    "mem_swappiness": _LIMITS,
    "memswap_limit": _LIMITS,
    "oom_kill_disable": _LIMITS,
    "oom_score_adj": _LIMITS,
    "pids_limit": _LIMITS,
    "post_start": "the commands of the hook are not run",
    "pre_stop": "the commands of the hook are not run",
    "privileged": _GRANTS,
    "restart": "it is started once; one that ends is told",
    "runtime": "the engine's usual runtime is used",
    "security_opt": _GRANTS,
    "stop_signal": "the image's own signal is sent",
    "storage_opt": _LIMITS,
    "sysctls": _GRANTS,
    "ulimits": _LIMITS,
    "userns_mode": "the engine's usual user namespace is used",
}

_FLATTEN = "name a file that holds what `docker compose config` prints: all of it is in there"
_SHARES = "imglint starts nothing in what belongs to the machine or to another container"

# Keys without which a service would be another one, and what to do.
REFUSED = {
    "extends": _FLATTEN,
    "ipc": _SHARES,
    "models": "imglint starts containers alone",
    "pid": _SHARES,
    "provider": "imglint starts containers alone",
    "use_api_socket": "through the engine's socket it would be root on this machine",
    "uts": _SHARES,
    "volumes_from": "name the volumes in each service",
}

ALL = DONE | WITHOUT_EFFECT | frozenset(LEFT_OUT) | frozenset(REFUSED) | {"network_mode"}
