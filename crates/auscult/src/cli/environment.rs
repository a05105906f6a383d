//! Settings that libraries read when the process starts, too early for us to make them: we start again with
//! them in the environment.

/// What is set unless the user has set it.
const SETTINGS: [(&str, &str); 5] = [
    // libgomp's idle threads spin by default and slow everything else on the machine.
    ("OMP_WAIT_POLICY", "PASSIVE"),
    ("GOMP_SPINCOUNT", "0"),
    // glibc hands large blocks back to the system at once; a network asks for the same ones in the next step,
    // and half the time goes into mapping memory.
    ("MALLOC_MMAP_MAX_", "0"),
    ("MALLOC_TRIM_THRESHOLD_", "8589934592"),
    ("MALLOC_TOP_PAD_", "67108864"),
];

/// Replaces this process by itself with [`SETTINGS`], where any is missing. Where that fails, only time is lost.
pub(super) fn settle() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt as _;
        let missing = SETTINGS.iter().filter(|(name, _)| std::env::var_os(name).is_none());
        let missing: Vec<_> = missing.copied().collect();
        if missing.is_empty() {
            return;
        }
        if let Ok(program) = std::env::current_exe() {
            // `exec` returns only where it fails.
            let _ =
                std::process::Command::new(program).args(std::env::args_os().skip(1)).envs(missing).exec();
        }
    }
}
