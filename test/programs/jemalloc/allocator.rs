// allocator.rs: a Rust program whose global allocator calls jemalloc's *allocx functions, as the usual
// binding does; with --cfg prefixed, under the names of a library built with the prefix _rjem_.
//
// Fills collections from several threads, and checks that what they hold is what was put in, that
// alignments are kept and that the library counted the bytes. Prints the library's version.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::{BTreeMap, HashMap};
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::thread;

extern "C" {
    #[cfg_attr(prefixed, link_name = "_rjem_mallocx")]
    fn mallocx(size: usize, flags: c_int) -> *mut c_void;
    #[cfg_attr(prefixed, link_name = "_rjem_rallocx")]
    fn rallocx(p: *mut c_void, size: usize, flags: c_int) -> *mut c_void;
    #[cfg_attr(prefixed, link_name = "_rjem_xallocx")]
    fn xallocx(p: *mut c_void, size: usize, extra: usize, flags: c_int) -> usize;
    #[cfg_attr(prefixed, link_name = "_rjem_sdallocx")]
    fn sdallocx(p: *mut c_void, size: usize, flags: c_int);
    #[cfg_attr(prefixed, link_name = "_rjem_sallocx")]
    fn sallocx(p: *const c_void, flags: c_int) -> usize;
    #[cfg_attr(prefixed, link_name = "_rjem_nallocx")]
    fn nallocx(size: usize, flags: c_int) -> usize;
    #[cfg_attr(prefixed, link_name = "_rjem_mallctl")]
    fn mallctl(
        name: *const c_char,
        oldp: *mut c_void,
        oldlenp: *mut usize,
        newp: *mut c_void,
        newlen: usize,
    ) -> c_int;
}

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

const ZERO: c_int = 0x40;

fn flags(layout: &Layout) -> c_int {
    layout.align().trailing_zeros() as c_int
}

unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        mallocx(layout.size(), flags(&layout)) as *mut u8
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        mallocx(layout.size(), flags(&layout) | ZERO) as *mut u8
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        rallocx(p as *mut c_void, size, flags(&layout)) as *mut u8
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        sdallocx(p as *mut c_void, layout.size(), flags(&layout))
    }
}

fn read<T: Copy>(name: &str, mut value: T) -> T {
    let mut length = std::mem::size_of::<T>();
    let name = format!("{}\0", name);
    let error = unsafe {
        mallctl(
            name.as_ptr() as *const c_char,
            &mut value as *mut T as *mut c_void,
            &mut length,
            ptr::null_mut(),
            0,
        )
    };
    assert_eq!(error, 0, "reading {}", name);
    value
}

#[repr(align(4096))]
#[derive(Clone)]
struct Page([u8; 4096]);

fn work(seed: u64) -> u64 {
    let before: u64 = read("thread.allocated", 0);
    let mut map = HashMap::new();
    let mut tree = BTreeMap::new();
    let mut state = seed;
    let mut sum = 0u64;
    for i in 0..20000u64 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let key = (state >> 40) % 5000;
        let text = format!("{}-{}", key, i).repeat((state >> 60) as usize + 1);
        tree.insert(key, vec![i; (key % 50) as usize]);
        map.insert(key, text);
        if state >> 63 == 1 {
            map.remove(&(key / 2));
            tree.remove(&(key / 3));
        }
    }
    for (key, text) in &map {
        assert!(text.starts_with(&format!("{}-", key)));
        sum += text.len() as u64;
    }
    for (key, numbers) in &tree {
        assert_eq!(numbers.len() as u64, key % 50);
        assert!(numbers.windows(2).all(|pair| pair[0] == pair[1]));
        sum += numbers.len() as u64;
    }
    let pages: Vec<Box<Page>> = (0..50).map(|n| Box::new(Page([n as u8; 4096]))).collect();
    for (n, page) in pages.iter().enumerate() {
        assert_eq!(page.as_ref() as *const Page as usize % 4096, 0);
        assert!(page.0.iter().all(|&byte| byte == n as u8));
    }
    assert!(vec![0u8; 3_000_000].iter().all(|&byte| byte == 0));
    let after: u64 = read("thread.allocated", 0);
    assert!(after - before > 3_000_000 + 50 * 4096, "the library counted {}", after - before);
    sum
}

fn main() {
    let threads: Vec<_> = (0..4).map(|n| thread::spawn(move || work(n % 2))).collect();
    let sums: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(sums[0], sums[2]);
    assert_eq!(sums[1], sums[3]);

    let mut numbers: Vec<u8> = Vec::with_capacity(100);
    let p = numbers.as_mut_ptr() as *mut c_void;
    unsafe {
        assert_eq!(sallocx(p, 0), nallocx(100, 0));
        assert_eq!(xallocx(p, 100, 0, 0), nallocx(100, 0));
    }
    let version = unsafe { CStr::from_ptr(read("version", ptr::null::<c_char>())) };
    println!("version {}, sums {} {}", version.to_str().unwrap(), sums[0], sums[1]);
}
