#[handoff::task]
unsafe fn read(address: usize) -> u8 {
    unsafe { *(address as *const u8) }
}

#[handoff::task]
const fn two() -> u32 {
    2
}

#[handoff::task]
extern "C" fn three() -> u32 {
    3
}

#[handoff::task]
fn address(at: *const u8) -> usize {
    at as usize
}

#[handoff::task]
fn never() -> ! {
    loop {}
}

fn main() {}
